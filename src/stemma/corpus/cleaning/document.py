"""Clean one document: normalise it, hold it against the limits, and treat its personal data."""

import dataclasses
import hashlib
from collections import Counter

from stemma.corpus.cleaning.language import identify
from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.cleaning.quality import Page, failed_limit
from stemma.corpus.cleaning.words import Words, words_of
from stemma.corpus.documents import Document, Part
from stemma.corpus.settings import PrepareSection


@dataclasses.dataclass(frozen=True, slots=True)
class Cleaned:
    """A document after cleaning.

    Attributes:
        text: normalised and masked.
        words: those of the text.
        sha256: of the normalised text before masking, so that no document moves to another side of
            the split when personal data is treated differently.
        language: ISO 639-1 code, or None if not identified.
        personal: how often each kind of personal data was found.
        reason: the setting for which the document is dropped, or None.
        parts: each normalised and masked, with unchanged roles.
    """

    text: str
    words: Words
    sha256: bytes
    language: str | None = None
    personal: dict[str, int] = dataclasses.field(default_factory=dict)
    reason: str | None = None
    parts: tuple[Part, ...] = ()


def clean_document(document: Document, settings: PrepareSection) -> Cleaned:
    """Clean a document and its parts."""
    made = clean_text(document.text, settings)
    if made.reason or not document.parts:
        return made
    treated = [treat(normalise(part.text), settings.personal) for part in document.parts]
    parts = tuple(
        Part(part.role, text) for part, (text, _, _) in zip(document.parts, treated, strict=True)
    )
    # Personal data that extends across parts, such as a number in several words, cannot be masked.
    found = sum((Counter(counts) for _, counts, _ in treated), Counter[str]())
    reason = None if found == made.personal else "personal.across_parts"
    return dataclasses.replace(made, parts=parts, reason=reason)


def clean_text(text: str, settings: PrepareSection) -> Cleaned:
    """Normalise a text, hold it against the limits and treat its personal data."""
    text = normalise(text)
    words = words_of(text)
    made = Cleaned(text, words, hashlib.sha256(text.encode()).digest())
    if not text.strip():
        return dataclasses.replace(made, reason="empty")
    if limit := failed_limit(Page(text, words), settings.quality):
        return dataclasses.replace(made, reason=f"quality.{limit}")
    if settings.language.sample is not None:
        language, probability = identify(text, settings.language.sample)
        made = dataclasses.replace(made, language=language)
        allowed = settings.language.allowed
        if allowed is not None and language not in allowed:
            return dataclasses.replace(made, reason="language.allowed")
        if probability < settings.language.min_probability:
            return dataclasses.replace(made, reason="language.min_probability")
    masked, found, kind = treat(text, settings.personal)
    return dataclasses.replace(
        made,
        text=masked,
        words=words if masked == text else words_of(masked),
        personal=found,
        reason=f"personal.{kind}" if kind else None,
    )
