"""Identify the language of a text with py3langid (Lui and Baldwin 2012, langid.py)."""

import functools
from typing import Any


def identify(text: str, sample: int) -> tuple[str, float]:
    """Return the ISO 639-1 code of a text's language, and its probability.

    Args:
        text: the document.
        sample: how many characters are looked at, from the middle, where headings are rare.
    """
    start = max(0, (len(text) - sample) // 2)
    code, probability = _identifier().classify(text[start : start + sample])
    return code, float(probability)


def known_languages() -> frozenset[str]:
    """Return the codes that `identify` can return."""
    return frozenset(_identifier().labels)


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
