"""One number reads alike wherever it stands."""

import pytest

from stemma.pages.blocks import Cell, Table
from stemma.pages.numbers import brief, digits_for, interval, signed, written


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.80347, "1.8035"),
        (-0.00001, "0.0000"),
        (-2.5, "−2.5000"),
        (None, ""),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (1.5e300, "1.5e+300"),
    ],
)
def test_how_a_number_is_written(value: float | None, expected: str):
    assert written(value) == expected


def test_changes_intervals_and_sizes():
    assert (signed(0.25), signed(-0.25), signed(0)) == ("+0.2500", "−0.2500", "+0.0000")
    assert interval(-1, 1, 2, "+") == "−1.00 to +1.00"
    assert interval(None, 1) == ""
    assert [digits_for(width) for width in (10, 0.1, 0.002, 1e-9, 0)] == [4, 4, 4, 8, 4]
    assert [brief(value) for value in (0.0123, -1e-9, float("nan"))] == ["0.012", "−1e−09", "NaN"]


def test_points_of_a_column_stand_below_each_other():
    texts = ("1.25", "12", "−0.5", "from zero", "+0.1 to +0.123", "7 %")
    rows = tuple(("row", Cell(text, "muted")) for text in texts)
    cells = [row[1] for row in Table("", ("of", "value"), rows, frozenset({1})).cells()]
    assert [cell.text.rstrip() for cell in cells] == list(texts)
    assert {cell.tone for cell in cells} == {"muted"}
    behind = [len(cell.text) - cell.text.rfind(".") for cell in (cells[0], cells[2], cells[4])]
    assert len(set(behind)) == 1
    assert len(cells[1].text) == len("12") + behind[0]
    with pytest.raises(AssertionError, match="no name"):
        Table("Figures", ("of", ""), ())
