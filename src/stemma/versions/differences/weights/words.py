"""What is said of the change of weights in the verdict; the weightiest first."""

from collections import Counter
from collections.abc import Iterator, Sequence

from stemma.versions.weights.models import Aligned
from stemma.versions.weights.parts import parts_of
from stemma.versions.weights.rank import Rank
from stemma.versions.weights.statistics import Figure, together

_NAMED = 6  # layers or tensors; more are counted
# Fewer values than this are an edit of some rows or cells, not a product of dense factors.
_DENSE = 0.1


def of(aligned: Aligned, figures: list[Figure]) -> Iterator[str]:
    """Yield what there is to say of the weights of two models."""
    changed = [figure for figure in figures if figure.change.changed]
    yield from _broken(changed)
    if changed and all(figure.rounded for figure in changed):
        yield f"{_count(len(changed), 'tensor')} differ by no more than rounding"
    elif changed:
        yield _where(aligned, figures, changed)
        yield from _most(changed)
        yield from _low_rank(aligned, changed)
    elif not (aligned.added or aligned.removed or aligned.shapes or aligned.unread):
        yield "the same numbers in other files"
    yield from _others(aligned, figures)


def of_rank(rank: Rank) -> str:
    """Say a rank in a word or two."""
    if rank.rank is not None:
        return str(rank.rank)
    # Of a matrix of which more than half of the directions change, no rank is told.
    return (
        f"over {rank.most}" if rank.holding is None else f"{rank.holding} hold 99 % of the change"
    )


def of_types(both: tuple[str, str]) -> str:
    """Say the types of a tensor, before and after."""
    return " → ".join(dict.fromkeys(both))


def _broken(changed: list[Figure]) -> Iterator[str]:
    wrong = [figure for figure in changed if figure.change.broken[0] < figure.change.broken[1]]
    if wrong:
        count = sum(figure.change.broken[1] for figure in wrong)
        yield (
            f"{_count(count, 'weight')} of {_names([figure.name for figure in wrong])} "
            f"{'is' if count == 1 else 'are'} no number (NaN or infinite)"
        )


def _where(aligned: Aligned, figures: list[Figure], changed: list[Figure]) -> str:
    apart = together(changed).relative
    by = "" if apart is None else f" (relative change {apart:.2g})"
    if aligned.adapters:
        return f"the adapters differ in {len(changed)} of {len(figures)} tensors{by}"
    count = len(aligned.same) + len(figures)
    if len(changed) == count:
        return f"every tensor changed{by}"
    layers = list(dict.fromkeys(figure.part.layer for figure in changed))
    there = {part.layer for part in parts_of([*aligned.same, *(f.name for f in figures)]).values()}
    if "" not in layers and len(layers) <= min(_NAMED, len(there - {""}) - 1):
        return f"only {_layers(layers)} changed{by}"
    if layers == [""] and len(changed) <= _NAMED:
        return f"only {_names([figure.name for figure in changed])} changed{by}"
    return f"{len(changed)} of {count} tensors changed{by}"


def _most(changed: list[Figure]) -> Iterator[str]:
    layers: dict[str, list[Figure]] = {}
    for figure in changed:
        if figure.part.layer:
            layers.setdefault(figure.part.layer, []).append(figure)
    apart = {layer: together(group).relative or 0.0 for layer, group in layers.items()}
    largest = max(apart.values(), default=0.0)
    most = [layer for layer, value in apart.items() if value >= 0.8 * largest > 0]
    if most and len(most) <= min(3, len(apart) // 2):
        yield f"{_layers(most)} most ({largest:.2g})"


def _low_rank(aligned: Aligned, changed: list[Figure]) -> Iterator[str]:
    if aligned.adapters:
        return
    ranks = [figure.rank.rank for figure in changed if figure.rank and figure.rank.rank]
    dense = all(figure.change.changed >= _DENSE * figure.change.size for figure in changed)
    if len(ranks) == len(changed) and dense:
        of_all = f"{'' if min(ranks) == max(ranks) else 'at most '}{max(ranks)}"
        yield f"a change of rank {of_all} in {_count(len(ranks), 'matrix')}: a LoRA"
        return
    holding = [figure.rank.holding for figure in changed if figure.rank]
    known = [rank for rank in holding if rank is not None]
    if known and len(known) == len(holding):
        yield f"{max(known)} directions hold 99 % of the change of each matrix"
    elif holding and not known:
        most = min(figure.rank.most for figure in changed if figure.rank)
        yield f"of full rank: {most} directions of a matrix hold less than 99 % of its change"


def _others(aligned: Aligned, figures: list[Figure]) -> Iterator[str]:
    for names, what in ((aligned.added, "new"), (aligned.removed, "gone")):
        if names:
            yield f"{_count(len(names), 'tensor')} {_is(names)} {what}: {_names(names)}"
    if aligned.shapes:
        names = list(aligned.shapes)
        yield f"{_count(len(names), 'tensor')} {_has(names)} another shape: {_names(names)}"
    if aligned.unread:
        names = list(aligned.unread)
        types = ", ".join(sorted({of_types(both) for both in aligned.unread.values()}))
        yield (
            f"{_count(len(names), 'tensor')} {_has(names)} other bytes and cannot be compared as "
            f"numbers, of type {types}: {_names(names)}"
        )
    kinds = Counter(f.dtypes for f in figures if f.dtypes[0] != f.dtypes[1])
    for (before, after), count in kinds.items():
        exactly = all(not f.change.changed for f in figures if f.dtypes == (before, after))
        kept = ", with the same numbers" if exactly else ""
        yield f"{_count(count, 'tensor')} stored as {after} instead of {before}{kept}"


def _layers(labels: Sequence[str]) -> str:
    stacked = [label for label in labels if " " in label]
    if stacked:
        return f"{_listed(labels)}" if len(labels) > 1 else f"{labels[0]}"
    return f"layer{'s' if len(labels) > 1 else ''} {_listed(labels)}"


def _names(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return _listed(names)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _count(number: int, what: str) -> str:
    many = {"matrix": "matrices"}.get(what, f"{what}s")
    return f"{number} {what if number == 1 else many}"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _has(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"
