"""What changed in the weights: which tensors, how far, and whether it is a LoRA."""

import math
from collections.abc import Iterable
from typing import Any

from stemma.pages.blocks import Alike, Block, Heatmap, Section, Table, Text, sentence
from stemma.pages.numbers import brief
from stemma.pages.numbers import figure as written
from stemma.store.version import Version
from stemma.versions.differences.weights import words
from stemma.versions.weights.models import Aligned, Model, align
from stemma.versions.weights.parts import ORDER, Part, parts_of
from stemma.versions.weights.statistics import Figure, measure_all, together

_SHOWN = 20
_COLUMNS = (
    *("tensor", "shape", "relative change", "cosine", "values changed", "largest change"),
    "rank of the change",
)
_OTHERS = ("tensor", "what became of it")
_WHOLE = frozenset({1})  # shapes


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the weights of two versions, tensor by tensor, in bounded memory.

    Raises:
        ModelError: a file is torn, or not what an index or an adapter says.
        MissingError: bytes are nowhere, or the base of an adapter is not known and needed.
    """
    one, other = Model(a), Model(b)
    if one.files == other.files:
        return Alike.EQUAL if one.files else Alike.ABSENT
    if not one.files or not other.files:
        lacking = b if one.files else a
        place = f" in {lacking.declared.trained}" if lacking.has_reports else ""
        told = f"{lacking.name} has no weights{place}."
        return Section("weights", (told,), {"missing": lacking.name}, (Text(told),))
    aligned = align(one, other)
    figures = measure_all(aligned)
    told = sentence("Weights", words.of(aligned, figures))
    blocks = tuple(_blocks(aligned, figures))
    return Section("weights", (told,), _facts(aligned, figures), (Text(told), *blocks))


def _facts(aligned: Aligned, figures: list[Figure]) -> dict[str, Any]:
    changed = [figure for figure in figures if figure.change.changed]
    total = together(changed)
    groups = _groups(changed)
    return {
        "adapters": aligned.adapters,
        "same": len(aligned.same) + len(figures) - len(changed),
        "added": aligned.added,
        "removed": aligned.removed,
        "shapes": {name: [list(one), list(two)] for name, (one, two) in aligned.shapes.items()},
        "dtypes": {
            figure.name: list(figure.dtypes)
            for figure in figures
            if figure.dtypes[0] != figure.dtypes[1]
        },
        "not_compared": {name: list(dtypes) for name, dtypes in aligned.unread.items()},
        "relative": total.relative,
        "cosine": total.cosine,
        "layers": [
            {
                "layer": part.layer,
                "kind": part.kind,
                "relative": together(group).relative,
                "cosine": together(group).cosine,
            }
            for part, group in groups.items()
        ],
        "changed": [_fact(figure) for figure in changed],
    }


def _fact(figure: Figure) -> dict[str, Any]:
    change, rank = figure.change, figure.rank
    return {
        "tensor": figure.name,
        "layer": figure.part.layer,
        "kind": figure.part.kind,
        "shape": list(figure.shape),
        "relative": change.relative,
        "cosine": change.cosine,
        "changed": change.changed / change.size,
        "largest": change.largest,
        "broken": list(change.broken),
        "rank": rank.rank if rank else None,
        "rank_of_99_percent": rank.holding if rank else None,
        "rounding": figure.rounded,
    }


def _blocks(aligned: Aligned, figures: list[Figure]) -> Iterable[Block]:
    changed = [figure for figure in figures if figure.change.changed]
    if changed:
        yield _heatmap(aligned, figures)
        yield _most_changed(changed)
    rows = [(name, "gone") for name in aligned.removed] + [(name, "new") for name in aligned.added]
    rows += [
        (name, f"{_shape(one)} is now {_shape(two)}") for name, (one, two) in aligned.shapes.items()
    ]
    rows += [
        (name, f"other bytes, of type {words.of_types(types)}, not compared as numbers")
        for name, types in aligned.unread.items()
    ]
    if rows:
        more = f" ({_SHOWN} of {len(rows)} shown)" if len(rows) > _SHOWN else ""
        yield Table(f"Other tensors{more}", _OTHERS, tuple(rows[:_SHOWN]), whole=_WHOLE)


def _heatmap(aligned: Aligned, figures: list[Figure]) -> Heatmap:
    groups = _groups(figures)
    parts = parts_of([*aligned.same, *(figure.name for figure in figures)]).values()
    kinds = _in_order({part.kind for part in parts})
    layers = list(dict.fromkeys(part.layer for part in parts))
    there = set(parts)

    def value(part: Part) -> float | None:
        if part not in there:
            return None
        change = together(groups.get(part, ()))
        nothing = math.nan if any(change.broken) else math.inf
        return nothing if change.relative is None else change.relative

    return Heatmap(
        "Relative change by layer and kind",
        tuple(layer or "outside" for layer in layers),
        tuple(kinds),
        tuple(tuple(value(Part(layer, kind)) for kind in kinds) for layer in layers),
        "‖b − a‖ / ‖a‖, the Frobenius norm of the change over that of what it was",
    )


def _most_changed(changed: list[Figure]) -> Table:
    # Where there was nothing but zeros, any change is infinitely large.
    most = sorted(changed, key=lambda figure: -(figure.change.relative or float("inf")))
    title = "Most changed tensors"
    title += f" ({_SHOWN} of {len(most)} shown)" if len(most) > _SHOWN else ""
    rows = tuple(_row(figure) for figure in most[:_SHOWN])
    return Table(title, _COLUMNS, rows, frozenset(range(2, 6)), _WHOLE)


def _row(figure: Figure) -> tuple[str, ...]:
    change, rank = figure.change, figure.rank
    relative, cosine = change.relative, change.cosine
    return (
        figure.name,
        _shape(figure.shape),
        brief(relative) if relative is not None else "NaN" if any(change.broken) else "from zero",
        "" if cosine is None else written(cosine, 6),
        f"{change.changed / change.size:.1%}",
        brief(change.largest),
        "" if rank is None else words.of_rank(rank),
    )


def _groups(figures: Iterable[Figure]) -> dict[Part, list[Figure]]:
    groups: dict[Part, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.part, []).append(figure)
    return groups


def _in_order(kinds: set[str]) -> list[str]:
    order = {kind: index for index, kind in enumerate(ORDER)}
    return sorted(kinds, key=lambda kind: (order.get(kind, len(order)), kind))


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "scalar"
