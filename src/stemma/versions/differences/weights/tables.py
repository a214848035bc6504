"""What is shown of the change of weights: a heatmap, and tables of tensors."""

import math
from collections.abc import Iterable, Iterator

from stemma.pages.blocks import Block, Heatmap, Table
from stemma.pages.numbers import brief, written
from stemma.versions.differences.weights import sentences
from stemma.versions.weights.models import Aligned
from stemma.versions.weights.roles import ORDER, Role, roles_of
from stemma.versions.weights.statistics import TensorStatistics, together

_SHOWN = 20
_COLUMNS = (
    *("tensor", "shape", "relative change", "cosine", "values changed", "largest change"),
    "rank of the change",
)
_OTHERS = ("tensor", "what became of it")
_WHOLE = frozenset({1})  # shapes


def blocks(aligned: Aligned, tensors: list[TensorStatistics]) -> Iterator[Block]:
    """Yield the heatmap and the tables.

    Args:
        aligned: the tensors of both models.
        tensors: the statistics of those that were read.
    """
    changed = [tensor for tensor in tensors if tensor.change.changed]
    if changed:
        yield _heatmap(aligned, tensors)
        yield _most_changed(changed)
    rows = [(name, "gone") for name in aligned.removed] + [(name, "new") for name in aligned.added]
    rows += [
        (name, f"{_shape(one)} is now {_shape(two)}") for name, (one, two) in aligned.shapes.items()
    ]
    rows += [
        (name, f"other bytes, of type {sentences.of_types(types)}, not compared as numbers")
        for name, types in aligned.unread.items()
    ]
    if rows:
        more = f" ({_SHOWN} of {len(rows)} shown)" if len(rows) > _SHOWN else ""
        yield Table(f"Other tensors{more}", _OTHERS, tuple(rows[:_SHOWN]), whole=_WHOLE)


def _heatmap(aligned: Aligned, tensors: list[TensorStatistics]) -> Heatmap:
    groups = by_role(tensors)
    roles = roles_of([*aligned.same, *(tensor.name for tensor in tensors)]).values()
    kinds = _in_order({role.kind for role in roles})
    layers = list(dict.fromkeys(role.layer for role in roles))
    there = set(roles)

    def value(role: Role) -> float | None:
        if role not in there:
            return None
        change = together(groups.get(role, ()))
        undefined = math.nan if any(change.broken) else math.inf
        return undefined if change.relative is None else change.relative

    return Heatmap(
        "Relative change by layer and kind",
        tuple(layer or "outside" for layer in layers),
        tuple(kinds),
        tuple(tuple(value(Role(layer, kind)) for kind in kinds) for layer in layers),
        "‖b − a‖ / ‖a‖, the Frobenius norm of the change over that of what it was",
    )


def _most_changed(changed: list[TensorStatistics]) -> Table:
    # Any change of a tensor of zeros is infinitely large.
    most = sorted(changed, key=lambda tensor: -(tensor.change.relative or float("inf")))
    title = "Most changed tensors"
    title += f" ({_SHOWN} of {len(most)} shown)" if len(most) > _SHOWN else ""
    rows = tuple(_row(tensor) for tensor in most[:_SHOWN])
    return Table(title, _COLUMNS, rows, frozenset(range(2, 6)), _WHOLE)


def _row(tensor: TensorStatistics) -> tuple[str, ...]:
    change, rank = tensor.change, tensor.rank
    relative, cosine = change.relative, change.cosine
    return (
        tensor.name,
        _shape(tensor.shape),
        brief(relative) if relative is not None else "NaN" if any(change.broken) else "from zero",
        "" if cosine is None else written(cosine, 6),
        f"{change.changed / change.size:.1%}",
        brief(change.largest),
        "" if rank is None else sentences.of_rank(rank),
    )


def by_role(tensors: Iterable[TensorStatistics]) -> dict[Role, list[TensorStatistics]]:
    """Return the tensors of each layer and kind."""
    groups: dict[Role, list[TensorStatistics]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.role, []).append(tensor)
    return groups


def _in_order(kinds: set[str]) -> list[str]:
    order = {kind: index for index, kind in enumerate(ORDER)}
    return sorted(kinds, key=lambda kind: (order.get(kind, len(order)), kind))


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"
