"""A metric's worst group, among named slices, is no further behind than a margin."""

from fnmatch import fnmatchcase
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stemma.config import settings
from stemma.modeling.metrics.formulas import Examples, Formulas
from stemma.registry.case import Case, Outcome
from stemma.statistics import FEWEST
from stemma.versions.contents.examples import read_examples
from stemma.versions.contents.formulas import FORMULAS
from stemma.versions.contents.manifest import has_manifest, read
from stemma.versions.contents.metrics import metric

NAME = "fairness"
_OF_DOCUMENTS = ("source", "group", "language")


@settings
class Settings:
    """Of the gate."""

    metric: str
    """The metric that is compared."""
    slices: list[str]
    """What makes the groups: columns of the examples, such as label, or of the manifest: source,
    group, language."""
    margin: Annotated[float, Field(ge=0)]
    """By how much a group may be worse than all examples together, in the metric's unit."""
    fewest: Annotated[int, Field(ge=FEWEST)]
    """Groups with fewer examples are not judged; how many they are is told."""
    but: list[str]
    """Groups of another kind, whose metric cannot be compared with that of the others: patterns
    such as ``production/*``. They are told, and not judged."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Compute the metric of each group, and compare the worst with that of all examples."""
    examples = read_examples(case.version)
    if examples is None:
        return Outcome(NAME, False, f"{case.version.name} has no examples")
    formulas = next((one for one in FORMULAS if _has(one, settings.metric, examples)), None)
    better = metric(settings.metric, case.version.declared.directions).better
    if formulas is None or better is None:
        return Outcome(NAME, False, f"the examples do not hold what {settings.metric} is made of")
    sums = formulas.parts({name: examples[name] for name in formulas.needs})
    whole = float(formulas.values(sums.sum(axis=1))[settings.metric])
    told, passed, small = [], True, 0
    facts: dict[str, object] = {"all": whole}
    for name in settings.slices:
        groups = _groups(name, examples, case)
        if groups is None:
            passed = False
            told.append(f"neither the examples nor the manifest have a column {name}")
            continue
        values = _values(groups, settings, formulas, sums)
        small += len({*groups.tolist()}) - len(values)
        judged = {one: value for one, value in values.items() if not _is_other(one, settings)}
        if not judged:
            passed = False
            told.append(f"no group of {name} has {settings.fewest} examples")
            continue
        told += [f"{one} {values[one]:.4g}: not judged" for one in values if one not in judged]
        worst = (max if better == "lower" else min)(judged, key=lambda one: values[one])
        behind = (values[worst] - whole) * (1 if better == "lower" else -1)
        passed &= behind <= settings.margin
        told.append(f"{name} {worst}: {values[worst]:.4g}, {behind:+.4g} behind all ({whole:.4g})")
        facts[name] = values
    told.append(f"at most {settings.margin:g} behind is asked")
    if small:
        told.append(f"{small} groups have fewer than {settings.fewest} examples: not judged")
    return Outcome(NAME, passed, "; ".join(told), facts)


def _has(formulas: Formulas, name: str, examples: Examples) -> bool:
    return examples.keys() >= set(formulas.needs) and name in {one.name for one in formulas.metrics}


def _values(
    groups: NDArray[np.object_], settings: Settings, formulas: Formulas, sums: NDArray[np.float64]
) -> dict[str, float]:
    """Return the metric of each group that has enough examples."""
    found = {}
    for group in dict.fromkeys(groups.tolist()):
        rows = groups == group
        if rows.sum() >= settings.fewest:
            found[group] = float(formulas.values(sums[:, rows].sum(axis=1))[settings.metric])
    return found


def _is_other(group: str, settings: Settings) -> bool:
    return any(fnmatchcase(group, pattern) for pattern in settings.but)


def _groups(name: str, examples: Examples, case: Case) -> NDArray[np.object_] | None:
    if name in examples:
        return np.array([str(one) for one in examples[name].tolist()], object)
    if name not in _OF_DOCUMENTS or not has_manifest(case.version):
        return None
    table = read(case.version, ["id", name])
    known = dict(zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True))
    # An example of a part of a document has the document's id.
    return np.array([str(known.get(one)) for one in examples["id"].tolist()], object)
