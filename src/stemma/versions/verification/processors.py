"""What the declared runtime came to where a version was made, and where it is rebuilt."""

from collections.abc import Iterator, Sequence
from typing import Any

from stemma.layout import MEASURED, TRAINED
from stemma.modeling import observed
from stemma.store.lock import Stage
from stemma.versions.contents.measured import facts_of
from stemma.versions.verification.rows import Sides

_PRECISION, _INSTRUCTIONS = "runtime.precision", "runtime.instructions"
_TWICE = "`stemma verify --twice` shows whether two rebuilds here agree"
_PARTS = ("training", "measuring")


def machine(sides: Sides) -> str:
    """Return the processor of the rebuild, and its GPUs; empty before a model was trained."""
    seen = observed.read(sides.tree / TRAINED)
    return ", ".join([seen["processor"]["name"], *seen["gpus"]]) if seen else ""


def is_told(sides: Sides) -> bool:
    """Say whether the commit tells what its runtime came to."""
    return bool(_told(sides))


def apart(rebuilt: Stage, sides: Sides) -> list[str]:
    """Return a phrase for each thing that the runtime came to otherwise than in the version."""
    return list(_apart(rebuilt, sides))


def evidence(rebuilt: Stage, apart: Sequence[str], sides: Sides) -> str:
    """Return why the processor may be the cause; empty where a stage does not depend on it.

    Args:
        rebuilt: the stage.
        apart: what its runtime is known to have come to otherwise.
        sides: of the version and of its rebuild.
    """
    if apart:
        return f"{'; '.join(apart)}{_here(sides)}"
    instructions = rebuilt.params.get(_INSTRUCTIONS)
    if instructions is None or (instructions != "native" and not _chooses(rebuilt)):
        return ""
    precision = rebuilt.params.get(_PRECISION)
    came_to = (_came_to(rebuilt, sides).get("training") or {}).get("precision")
    parts = [f"with {_INSTRUCTIONS}={instructions} each kind of processor has sums of its own"]
    if precision == "auto" and came_to:
        told = "as in the version" if is_told(sides) else "to what in the version, it does not tell"
        parts.insert(0, f"{_PRECISION}=auto came to {came_to} here, {told}")
    return f"{'; '.join(parts)}{_here(sides)}; {_TWICE}"


def _chooses(rebuilt: Stage) -> bool:
    return "auto" in (rebuilt.params.get(_PRECISION), rebuilt.params.get("runtime.device"))


def _here(sides: Sides) -> str:
    name = machine(sides)
    return f" (here: {name})" if name else ""


def _told(sides: Sides) -> dict[str, Any]:
    kept = sides.tracked / MEASURED
    return facts_of(kept.read_bytes()) if kept.exists() else {}


def _came_to(rebuilt: Stage, sides: Sides) -> dict[str, Any]:
    """Return what the rebuild came to, as far as it got; what a checkout brought says nothing."""
    measured, kept = sides.tree / MEASURED, sides.tracked / MEASURED
    found = facts_of(measured.read_bytes()) if measured.exists() else {}
    if kept.exists() and facts_of(kept.read_bytes()) == found:
        found = {}
    training = sides.tree / TRAINED / "training.json"
    if training.exists() and any(out.path == TRAINED.as_posix() for out in rebuilt.outs):
        return {**found, "training": facts_of(training.read_bytes()).get("runtime")}
    return found


def _apart(rebuilt: Stage, sides: Sides) -> Iterator[str]:
    told, here = _told(sides), _came_to(rebuilt, sides)
    for part in _PARTS:
        one, other = told.get(part) or {}, here.get(part) or {}
        for key in sorted(one.keys() & other.keys()):
            if one[key] != other[key]:
                name = f"runtime.{key}" if part == "training" else f"{key} of measuring"
                yield f"{name} came to {one[key]} in the version and to {other[key]} here"
