"""Which side of the split a document is on: a function of the document alone.

The side is drawn from the SHA-256 of a salt and the document's own text (or the name of its group),
never from its position or its neighbours. So no document that is added, removed or reordered can
move another one. Duplicates are kept on one side by dropping, see `duplicates`, not by moving.
"""

import hashlib

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
PREFERENCE = len(SPLITS)
"""The side of a preference: it is trained on, and is no text of the training split."""


def side(key: str, salt: str, validation: float, test: float) -> str:
    """Return the side of the split that the unit ``key`` is on.

    Test takes the low end of [0, 1) and validation the high end, so that changing one fraction
    exchanges documents with train only.
    """
    digest = hashlib.sha256(f"{salt}\0{key}".encode()).digest()
    draw = int.from_bytes(digest[:8], "big") / 2**64
    if draw < test:
        return TEST
    return VALIDATION if draw >= 1 - validation else TRAIN
