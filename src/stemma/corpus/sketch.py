"""What a manifest holds of a text instead of the text: its hash, and a sketch of its shingles."""

import hashlib

from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.cleaning.words import shingles, words_of
from stemma.corpus.duplicates.minhash import sketches
from stemma.corpus.settings import PersonalSettings

SHINGLE = 5
"""Words per shingle, where no settings say: the default of conf/prepare."""


def sha256_of_text(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text once it is normalised."""
    return hashlib.sha256(normalise(text).encode()).hexdigest()


def sketch_of(text: str, shingle: int = SHINGLE, personal: PersonalSettings | None = None) -> bytes:
    """Return the sketch that prepare makes of a text: `minhash.SKETCH` bytes.

    Args:
        text: as it came.
        shingle: words per shingle.
        personal: the treatment of personal data before; None keeps all.
    """
    text = normalise(text)
    key = hashlib.sha256(text.encode()).digest()
    masked = treat(text, personal)[0] if personal else text
    made = shingles(words_of(masked), shingle, int.from_bytes(key[:8], "big"))
    return sketches([made])[0].tobytes()
