"""What the verdict says of the change of weights, the most important first."""

from collections import Counter
from collections.abc import Iterator, Sequence

from stemma.versions.weights.models import Aligned
from stemma.versions.weights.rank import Rank
from stemma.versions.weights.roles import roles_of
from stemma.versions.weights.statistics import TensorStatistics, together

_NAMED = 6  # layers or tensors; if there are more, they are counted
# If fewer values changed, some rows or cells were edited: a product of dense factors changes all.
_DENSE = 0.1


def clauses(aligned: Aligned, tensors: list[TensorStatistics]) -> Iterator[str]:
    """Yield clauses on how the weights of two models differ.

    Args:
        aligned: the tensors of both models.
        tensors: the statistics of those that were read.
    """
    changed = [tensor for tensor in tensors if tensor.change.changed]
    yield from _broken(changed)
    if changed and all(tensor.rounded for tensor in changed):
        yield f"{_count(len(changed), 'tensor')} differ by no more than rounding"
    elif changed:
        yield _where(aligned, tensors, changed)
        yield from _most(changed)
        yield from _low_rank(aligned, changed)
    elif not (aligned.added or aligned.removed or aligned.shapes or aligned.unread):
        yield "the same numbers in other files"
    yield from _others(aligned, tensors)


def of_rank(rank: Rank) -> str:
    """Return the rank of a change in a few words."""
    if rank.rank is not None:
        return str(rank.rank)
    # The rank is not told where more than half of a matrix's directions change.
    return (
        f"over {rank.most}" if rank.holding is None else f"{rank.holding} hold 99 % of the change"
    )


def of_types(both: tuple[str, str]) -> str:
    """Return the types of a tensor, before and after."""
    return " → ".join(dict.fromkeys(both))


def _broken(changed: list[TensorStatistics]) -> Iterator[str]:
    wrong = [tensor for tensor in changed if tensor.change.broken[0] < tensor.change.broken[1]]
    if wrong:
        count = sum(tensor.change.broken[1] for tensor in wrong)
        yield (
            f"{_count(count, 'weight')} of {_names([tensor.name for tensor in wrong])} "
            f"{'is' if count == 1 else 'are'} no number (NaN or infinite)"
        )


def _where(
    aligned: Aligned, tensors: list[TensorStatistics], changed: list[TensorStatistics]
) -> str:
    apart = together(changed).relative
    by = "" if apart is None else f" (relative change {apart:.2g})"
    if aligned.adapters:
        return f"the adapters differ in {len(changed)} of {len(tensors)} tensors{by}"
    count = len(aligned.same) + len(tensors)
    if len(changed) == count:
        return f"every tensor changed{by}"
    layers = list(dict.fromkeys(tensor.role.layer for tensor in changed))
    roles = roles_of([*aligned.same, *(tensor.name for tensor in tensors)])
    there = {role.layer for role in roles.values()}
    if "" not in layers and len(layers) <= min(_NAMED, len(there - {""}) - 1):
        return f"only {_layers(layers)} changed{by}"
    if layers == [""] and len(changed) <= _NAMED:
        return f"only {_names([tensor.name for tensor in changed])} changed{by}"
    return f"{len(changed)} of {count} tensors changed{by}"


def _most(changed: list[TensorStatistics]) -> Iterator[str]:
    layers: dict[str, list[TensorStatistics]] = {}
    for tensor in changed:
        if tensor.role.layer:
            layers.setdefault(tensor.role.layer, []).append(tensor)
    apart = {layer: together(group).relative or 0.0 for layer, group in layers.items()}
    largest = max(apart.values(), default=0.0)
    most = [layer for layer, value in apart.items() if value >= 0.8 * largest > 0]
    if most and len(most) <= min(3, len(apart) // 2):
        yield f"{_layers(most)} most ({largest:.2g})"


def _low_rank(aligned: Aligned, changed: list[TensorStatistics]) -> Iterator[str]:
    if aligned.adapters:
        return
    ranks = [tensor.rank.rank for tensor in changed if tensor.rank and tensor.rank.rank]
    dense = all(tensor.change.changed >= _DENSE * tensor.change.size for tensor in changed)
    if len(ranks) == len(changed) and dense:
        of_all = f"{'' if min(ranks) == max(ranks) else 'at most '}{max(ranks)}"
        yield f"a change of rank {of_all} in {_count(len(ranks), 'matrix')}: a LoRA"
        return
    holding = [tensor.rank.holding for tensor in changed if tensor.rank]
    known = [rank for rank in holding if rank is not None]
    if known and len(known) == len(holding):
        yield f"{max(known)} directions hold 99 % of the change of each matrix"
    elif holding and not known:
        most = min(tensor.rank.most for tensor in changed if tensor.rank)
        yield f"of full rank: {most} directions of a matrix hold less than 99 % of its change"


def _others(aligned: Aligned, tensors: list[TensorStatistics]) -> Iterator[str]:
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
    recast = [tensor for tensor in tensors if tensor.dtypes[0] != tensor.dtypes[1]]
    for (before, after), count in Counter(tensor.dtypes for tensor in recast).items():
        those = (tensor for tensor in recast if tensor.dtypes == (before, after))
        exactly = all(not tensor.change.changed for tensor in those)
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
