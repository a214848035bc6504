"""Clean a preference: its pieces one by one, its quality by the prompt and what is preferred."""

import dataclasses
import hashlib
from collections import Counter

from stemma.corpus.cleaning.document import Cleaned, clean_text
from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.cleaning.words import words_of
from stemma.corpus.documents import Document, Part
from stemma.corpus.settings import PrepareSection


def clean_preference(document: Document, settings: PrepareSection) -> Cleaned:
    """Clean a document that is a preference.

    What is rejected may well be poor text, and much like what is chosen, so the limits of quality
    and language do not look at it. The SHA-256 is of all pieces with their roles: one that was
    liked by one person and disliked by another is two documents.
    """
    normal = [Part(part.role, normalise(part.text)) for part in document.parts]
    rejects = len(normal) > 1 and normal[-1].role.endswith("rejected")
    judged = clean_text(
        "\n\n".join(part.text for part in normal[: -1 if rejects else None]), settings
    )
    pieces = "\0".join(f"{part.role}\0{part.text}" for part in normal)
    sha256 = hashlib.sha256(pieces.encode()).digest()
    treated = [treat(part.text, settings.personal) for part in normal]
    parts = tuple(Part(part.role, text) for part, (text, _, _) in zip(normal, treated, strict=True))
    text = "\n\n".join(part.text for part in parts)
    kind = next((kind for _, _, kind in treated if kind), None)
    reason = judged.reason or (f"personal.{kind}" if kind else None)
    if not reason and not all(part.text for part in parts):
        reason = "empty"
    found = sum((Counter(counts) for _, counts, _ in treated), Counter[str]())
    return dataclasses.replace(
        judged,
        text=text,
        words=words_of(text),
        sha256=sha256,
        personal=dict(found),
        reason=reason,
        parts=parts,
    )
