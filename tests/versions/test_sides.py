import itertools

from hypothesis import given
from hypothesis import strategies as st

from stemma.versions.diff.section import Cell
from stemma.versions.sides import side_by_side

TEXTS = st.text("ab .\n", max_size=30)


@given(TEXTS, TEXTS)
def test_stretches_make_the_texts(left: str, right: str) -> None:
    sides = side_by_side("", ("a", "b"), left, right)
    assert "".join(cell.text for cell in sides.left) == left
    assert "".join(cell.text for cell in sides.right) == right
    kept = [[cell.text for cell in side if not cell.tone] for side in (sides.left, sides.right)]
    assert "".join(kept[0]) == "".join(kept[1])
    for side in (sides.left, sides.right):
        assert all(one.tone != other.tone for one, other in itertools.pairwise(side))


def test_a_shared_space_does_not_tear_a_change_apart() -> None:
    sides = side_by_side("", ("a", "b"), "of dear kings.", "of poor queens.")
    assert sides.left == (Cell("of "), Cell("dear kings", "removed"), Cell("."))
    assert sides.right == (Cell("of "), Cell("poor queens", "added"), Cell("."))
