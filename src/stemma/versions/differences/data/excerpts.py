"""What documents said before and after, from data/raw of both versions."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from stemma.errors import DataError
from stemma.pages.beside import side_by_side
from stemma.pages.blocks import SideBySide
from stemma.store.version import Version

_AROUND, _LONGEST = 60, 500  # characters: before and after all changes; in an excerpt


def beside(a: Version, b: Version, pairs: Sequence[tuple[str, str]]) -> Iterator[SideBySide]:
    """Yield for each pair of ids what the two documents say around the places where they differ.

    Args:
        a: the version that has the first document of each pair.
        b: the version that has the second.
        pairs: ids of the documents.

    Raises:
        DataError: a shard is torn.
        MissingError: a shard cannot be found.
    """
    ours = _texts(a, {pair[0] for pair in pairs})
    theirs = _texts(b, {pair[1] for pair in pairs})
    for one, other in pairs:
        left, right = ours.get(one, ""), theirs.get(other, "")
        title = one if one == other else f"{one} → {other}"
        yield side_by_side(title, (a.name, b.name), *_cut(left, right))


def _cut(left: str, right: str) -> tuple[str, str]:
    """Return both texts without the parts that are the same and far from every change."""
    shorter = min(len(left), len(right))
    same = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    ends = range(1, shorter - same + 1)
    behind = next((at - 1 for at in ends if left[-at] != right[-at]), shorter - same)
    start = max(0, same - _AROUND)
    one, other = (
        _excerpt(text, start, min(start + _LONGEST, len(text) - behind + _AROUND))
        for text in (left, right)
    )
    return one, other


def _excerpt(text: str, start: int, end: int) -> str:
    return f"{'…' * (start > 0)}{text[start:end]}{'…' * (end < len(text))}"


def _texts(version: Version, ids: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    raw = version.declared.raw
    for file in sorted(version.files(raw)):
        if not file.endswith(".parquet") or len(found) == len(ids):
            continue
        path = version.path(raw, file)
        try:
            rows = pq.read_table(path, columns=["id", "text"], filters=[("id", "in", ids)])
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(
                f"{raw}/{file} of {version.name} cannot be read: {error}",
                "`stemma fsck` shows all that is lost",
            ) from error
        found |= dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
    return found
