"""What changed in the weights: which tensors, how far, and whether it looks like a LoRA."""

from typing import Any

from stemma.pages.blocks import Text
from stemma.store.version import Version
from stemma.versions.differences.section import Alike, Section, sentence
from stemma.versions.differences.weights import sentences, tables
from stemma.versions.weights.models import Aligned, Model, align
from stemma.versions.weights.statistics import TensorStatistics, measure_all, together

NAME = "weights"


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the weights of two versions, tensor by tensor, in bounded memory.

    Returns:
        EQUAL if the files are the same; ABSENT if neither version has weights.

    Raises:
        ModelError: a file is torn, or does not hold what an index or an adapter says.
        MissingError: a file cannot be found, or the base of an adapter is needed and not known.
    """
    one, other = Model(a), Model(b)
    if one.files == other.files:
        # Of a folder all files are the model.
        alone = not a.has_reports and not b.has_reports and one.listed == other.listed
        return Alike.EQUAL if one.files or (alone and one.listed) else Alike.ABSENT
    if not one.files or not other.files:
        lacking = b if one.files else a
        place = f" in {lacking.declared.trained}" if lacking.has_reports else ""
        told = f"{lacking.name} has no weights{place}."
        return Section(NAME, (told,), {"missing": lacking.name}, (Text(told),))
    aligned = align(one, other)
    tensors = measure_all(aligned)
    told = sentence("Weights", sentences.clauses(aligned, tensors))
    blocks = tuple(tables.blocks(aligned, tensors))
    return Section(NAME, (told,), _facts(aligned, tensors), (Text(told), *blocks))


def _facts(aligned: Aligned, tensors: list[TensorStatistics]) -> dict[str, Any]:
    changed = [tensor for tensor in tensors if tensor.change.changed]
    total = together(changed)
    groups = tables.by_role(changed)
    return {
        "adapters": aligned.adapters,
        "same": len(aligned.same) + len(tensors) - len(changed),
        "added": aligned.added,
        "removed": aligned.removed,
        "shapes": {name: [list(one), list(two)] for name, (one, two) in aligned.shapes.items()},
        "dtypes": {
            tensor.name: list(tensor.dtypes)
            for tensor in tensors
            if tensor.dtypes[0] != tensor.dtypes[1]
        },
        "not_compared": {name: list(dtypes) for name, dtypes in aligned.unread.items()},
        "relative": total.relative,
        "cosine": total.cosine,
        "layers": [
            {
                "layer": role.layer,
                "kind": role.kind,
                "relative": together(group).relative,
                "cosine": together(group).cosine,
            }
            for role, group in groups.items()
        ],
        "changed": [_fact(tensor) for tensor in changed],
    }


def _fact(tensor: TensorStatistics) -> dict[str, Any]:
    change, rank = tensor.change, tensor.rank
    return {
        "tensor": tensor.name,
        "layer": tensor.role.layer,
        "kind": tensor.role.kind,
        "shape": list(tensor.shape),
        "relative": change.relative,
        "cosine": change.cosine,
        "changed": change.changed / change.size,
        "largest": change.largest,
        "broken": list(change.broken),
        "rank": rank.rank if rank else None,
        "rank_of_99_percent": rank.holding if rank else None,
        "rounding": tensor.rounded,
    }
