import itertools

from hypothesis import given
from hypothesis import strategies as st

from stemma.pages.beside import collapsed, side_by_side
from stemma.pages.blocks import Cell

TEXTS = st.text("ab .\n", max_size=30)


@given(TEXTS, TEXTS)
def test_stretches_make_the_texts(left: str, right: str) -> None:
    sides = side_by_side("", ("a", "b"), left, right)
    assert "".join(cell.text for cell in sides.left) == collapsed(left)
    assert "".join(cell.text for cell in sides.right) == collapsed(right)
    kept = [[cell.text for cell in side if not cell.tone] for side in (sides.left, sides.right)]
    assert "".join(kept[0]) == "".join(kept[1])
    for side in (sides.left, sides.right):
        assert all(one.tone != other.tone for one, other in itertools.pairwise(side))


def test_a_shared_space_does_not_tear_a_change_apart() -> None:
    sides = side_by_side("", ("a", "b"), "of dear kings.", "of poor queens.")
    assert sides.left == (Cell("of "), Cell("dear kings", "removed"), Cell("."))
    assert sides.right == (Cell("of "), Cell("poor queens", "added"), Cell("."))


def test_long_stretches_of_nothing_are_told_and_not_shown() -> None:
    sides = side_by_side("", ("a", "b"), f"No.{chr(10) * 300}End", f"No.{' ' * 90}\n\nEnd")
    assert "".join(cell.text for cell in sides.left) == "No.\n[… 299 empty lines]\nEnd"
    assert "".join(cell.text for cell in sides.right) == "No. [… 90 blanks] \n\nEnd"
    assert collapsed("verse\n \n\n\t\n\nverse") == "verse\n[… 4 empty lines]\nverse"
    assert collapsed("def f():\n\n\n    return 1\n") == "def f():\n\n\n    return 1\n"
