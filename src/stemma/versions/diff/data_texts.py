"""What documents said before and after, from data/raw of both versions."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.errors import DataError
from stemma.layout import RAW
from stemma.versions.diff.section import Sides
from stemma.versions.sides import side_by_side
from stemma.versions.version import Version

_BEFORE, _LONGEST = 60, 500  # characters: ahead of the first difference, and in all


def beside(a: Version, b: Version, pairs: Sequence[tuple[str, str]]) -> Iterator[Sides]:
    """Yield for each pair of ids what the two documents say, from where they begin to differ.

    Raises:
        DataError: a shard is torn.
        MissingError: its bytes are nowhere.
    """
    ours = _texts(a, {pair[0] for pair in pairs})
    theirs = _texts(b, {pair[1] for pair in pairs})
    for one, other in pairs:
        left, right = ours.get(one, ""), theirs.get(other, "")
        differ = (place for place, (x, y) in enumerate(zip(left, right, strict=False)) if x != y)
        start = max(0, next(differ, min(len(left), len(right))) - _BEFORE)
        title = one if one == other else f"{one} → {other}"
        cuts = (_cut(text, start) for text in (left, right))
        yield side_by_side(title, (a.name, b.name), *cuts)


def _cut(text: str, start: int) -> str:
    cut = text[start : start + _LONGEST]
    return f"{'…' * (start > 0)}{cut}{'…' * (start + _LONGEST < len(text))}"


def _texts(version: Version, ids: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(version.files(RAW.as_posix())):
        if not file.endswith(".parquet") or len(found) == len(ids):
            continue
        path = version.path(RAW.as_posix(), file)
        try:
            rows = pq.read_table(path, columns=["id", "text"], filters=[("id", "in", ids)])
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(
                f"{RAW / file} of {version.name} cannot be read: {error}",
                "`stemma fsck` shows all that is lost",
            ) from error
        found |= dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    return found
