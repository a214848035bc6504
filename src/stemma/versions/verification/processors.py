"""What the declared runtime came to where a version was made, and where it is rebuilt."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stemma.modeling import observed
from stemma.store.declared import CONVENTION
from stemma.store.lock import Stage
from stemma.versions.contents.measured import facts_of
from stemma.versions.verification.output_files import OutputFiles

_PRECISION, _INSTRUCTIONS = "runtime.precision", "runtime.instructions"
_TWICE = "`stemma verify --twice` shows whether two rebuilds here agree"
_PARTS = ("training", "measuring")


def machine(tree: Path) -> str:
    """Return the processor and GPUs of a rebuild; empty before a model was trained in its tree."""
    seen = observed.read(tree / CONVENTION.trained)
    return ", ".join([seen["processor"]["name"], *seen["gpus"]]) if seen else ""


def is_told(files: OutputFiles) -> bool:
    """Say whether the commit tells what its runtime came to."""
    return bool(_told(files))


def apart(rebuilt: Stage, files: OutputFiles) -> list[str]:
    """Return a phrase for each thing that the runtime came to otherwise than in the version."""
    return list(_apart(rebuilt, files))


def evidence(rebuilt: Stage, apart: Sequence[str], files: OutputFiles) -> str:
    """Return why the processor may be the cause; empty where a stage does not depend on it.

    Args:
        rebuilt: the stage.
        apart: what its runtime is known to have come to otherwise.
        files: where the outputs of the version and of its rebuild are.
    """
    if apart:
        return f"{'; '.join(apart)}{_here(files)}"
    instructions = rebuilt.params.get(_INSTRUCTIONS)
    if instructions is None or (instructions != "native" and not _chooses(rebuilt)):
        return ""
    precision = rebuilt.params.get(_PRECISION)
    came_to = (_came_to(rebuilt, files).get("training") or {}).get("precision")
    parts = [f"with {_INSTRUCTIONS}={instructions} each kind of processor has sums of its own"]
    if precision == "auto" and came_to:
        told = "as in the version" if is_told(files) else "to what in the version, it does not tell"
        parts.insert(0, f"{_PRECISION}=auto came to {came_to} here, {told}")
    return f"{'; '.join(parts)}{_here(files)}; {_TWICE}"


def _chooses(rebuilt: Stage) -> bool:
    return "auto" in (rebuilt.params.get(_PRECISION), rebuilt.params.get("runtime.device"))


def _here(files: OutputFiles) -> str:
    name = machine(files.tree)
    return f" (here: {name})" if name else ""


def _told(files: OutputFiles) -> dict[str, Any]:
    kept = files.tracked / CONVENTION.measured
    return facts_of(kept.read_bytes()) if kept.exists() else {}


def _came_to(rebuilt: Stage, files: OutputFiles) -> dict[str, Any]:
    """Return what the rebuild came to, as far as it got; what a checkout brought says nothing."""
    measured, kept = files.tree / CONVENTION.measured, files.tracked / CONVENTION.measured
    found = facts_of(measured.read_bytes()) if measured.exists() else {}
    if kept.exists() and facts_of(kept.read_bytes()) == found:
        found = {}
    training = files.tree / CONVENTION.trained / "training.json"
    if training.exists() and any(out.path == CONVENTION.trained for out in rebuilt.outs):
        return {**found, "training": facts_of(training.read_bytes()).get("runtime")}
    return found


def _apart(rebuilt: Stage, files: OutputFiles) -> Iterator[str]:
    told, here = _told(files), _came_to(rebuilt, files)
    for part in _PARTS:
        one, other = told.get(part) or {}, here.get(part) or {}
        for key in sorted(one.keys() & other.keys()):
            if one[key] != other[key]:
                name = f"runtime.{key}" if part == "training" else f"{key} of measuring"
                yield f"{name} came to {one[key]} in the version and to {other[key]} here"
