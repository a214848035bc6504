"""One text, its entities written in every scheme that people have."""

import numpy as np
import pytest

from stemma.modeling.metrics.entities import entities_of, read_tags
from stemma.tasks.tag.measure import _entities

# Two neighbours of one type, one of another, one of one word at the end.
ENTITIES = {("PER", 1, 2), ("PER", 3, 3), ("LOC", 4, 6), ("LOC", 8, 8)}
WORDS = 9


def written(scheme: str) -> list[str]:
    """Write the tags by the definition of the scheme."""
    tags = ["O"] * WORDS
    for kind, first, last in sorted(ENTITIES, key=lambda one: one[1]):
        follows = (kind, first - 1) in {(other, end) for other, _, end in ENTITIES}
        leads = (kind, last + 1) in {(other, start) for other, start, _ in ENTITIES}
        letters = ["I"] * (last - first + 1)
        match scheme:
            case "IOB1":
                letters[0] = "B" if follows else "I"
            case "IOB2":
                letters[0] = "B"
            case "IOE1":
                letters[-1] = "E" if leads else "I"
            case "IOE2":
                letters[-1] = "E"
            case _:
                inside, end, single = {"BIOES": "IES", "BILOU": "ILU", "BMES": "MES"}.get(
                    scheme, "MEW"
                )
                letters = ["B", *inside * (last - first - 1), end] if last > first else [single]
        for place, letter in enumerate(letters, first):
            tags[place] = f"{letter}-{kind}"
    return tags


SCHEMES = ("IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU", "BMES", "BMEW")


def entities(tags: list[str]) -> set | None:
    names = sorted(set(tags))
    read = read_tags(names)
    return read and entities_of(read[names.index(tag)] for tag in tags)


@pytest.mark.parametrize("change", [str, str.lower, lambda tag: tag.replace("-", "_")])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_the_same_entities(scheme, change):
    found = entities([change(tag) for tag in written(scheme)])
    assert {(kind.upper(), *ends) for kind, *ends in found or ()} == ENTITIES


def test_sentences_of_several_schemes_are_read_together():
    names = sorted({tag for scheme in SCHEMES for tag in written(scheme)})
    read = read_tags(names)
    for scheme in SCHEMES:
        assert entities_of(read[names.index(tag)] for tag in written(scheme)) == ENTITIES


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["B", "I", "O", "B"], {("_", 0, 1), ("_", 3, 3)}),
        (["B", "M", "E", "S"], {("_", 0, 2), ("_", 3, 3)}),
        (["B-LOC", "O"], {("LOC", 0, 0)}),
        (["B-PER", "PER", "O"], None),
        (["B-PER", "I-PER", "PER", "0", "B-PER", "X"], {("PER", 0, 2), ("PER", 4, 4)}),
        (["B-work-of-art", "I-work-of-art"], {("work-of-art", 0, 1)}),
        (["NN", "VB", "O"], None),
        (["S-adj", "E-mail", "NN"], None),
        (["N", "I", "B"], None),
        (["PER", "O"], None),
        (["O", "O"], None),
    ],
)
def test_tags_that_are_written_otherwise(tags, found):
    assert entities(tags) == found


def test_an_entity_is_found_when_its_type_and_both_ends_are_right():
    names = ["B-LOC", "B-PER", "I-PER", "O"]
    actual, guess = [1, 2, 3, 1, 3, 0], [1, 2, 3, 1, 2, 1]
    counts = _entities([np.array(actual)], [np.array(guess)], names)
    assert counts == {"entities_found": [1], "entities": [3], "entities_predicted": [3]}
