"""The declared environment: packages, Python, arithmetic; and what a stage finds instead of it.

environment.lock names the packages and the Python that can change a model's bytes; the section
``runtime`` of params.yaml names the arithmetic.
"""

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stemma import merging
from stemma.config import settings
from stemma.errors import ReproducibilityError
from stemma.layout import ENVIRONMENT

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_EXTRA = re.compile(r"""extra == ["']([\w-]+)["']""")
_NONE = "none"
_MAKE_LOCK = "type `make lock`, or `git checkout environment.lock`"
Instructions = Literal["native", "avx2"]

# What torch, oneDNN, MKL, numpy and OpenBLAS read when they are loaded. With its branches named
# after instruction sets MKL computes otherwise on AMD than on Intel; with COMPATIBLE it does not,
# and is slow: products go to OpenBLAS then (`stemma.modeling.portable`).
CAPS: dict[Instructions, dict[str, str]] = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENBLAS_NUM_THREADS": "1",
    },
}

# They change results too, and no setting declares them.
_UNDECLARED = ("DNNL_MAX_CPU_ISA", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE")
# With fewer threads than torch counts on, sums come out as no number; numpy does not start.
_HARMFUL = ("OMP_DYNAMIC", "OMP_THREAD_LIMIT", "NPY_ENABLE_CPU_FEATURES")


@settings
class RuntimeSettings:
    """Where and in what arithmetic a version is made."""

    name: str
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "bf16", "fp32"]
    threads: Annotated[int, Field(ge=1, le=1024)]
    """Intra-op threads of torch."""
    instructions: Instructions
    """The newest instruction set that may be used; native for all that the processor has."""
    deterministic: bool
    """Use only algorithms that give the same bits every time."""
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    processes: Annotated[int, Field(ge=1, le=1024)] = 1
    """That train together, each with so many threads, or a device, of its own."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """Whether each of them holds the whole model, or a shard of it."""
    strict: bool
    """Stop in an environment other than the declared one; no output depends on it."""


def cap(instructions: Instructions) -> None:
    """Limit what libraries use of the processor; call it before numpy and torch are imported."""
    for variable in _HARMFUL:
        os.environ.pop(variable, None)
    os.environ.update(CAPS[instructions])


def differences(runtime: RuntimeSettings, lock: Path = ENVIRONMENT) -> list[str]:
    """Return what is not as declared, a phrase for each."""
    return [*packages(lock), *variables(runtime.instructions)]


def packages(lock: Path) -> Iterator[str]:
    """Yield which packages (and Python itself) are not those that environment.lock declares.

    Raises:
        ReproducibilityError: it cannot be read; names the line.
    """
    wanted = list(_declared(lock)) if lock.exists() else []
    if not any(requirement.name == "python" for requirement in wanted):
        yield f"{lock.name} declares no Python"
    for requirement in wanted:
        installed = _installed(requirement.name)
        if installed == _NONE and _extra_of(requirement):
            continue  # a stage that needs it says so
        # torch says 2.13.0+cpu for the build of 2.13.0 that knows no GPU.
        if not requirement.specifier.contains(installed.partition("+")[0], prereleases=True):
            declared = f"{requirement.name}{requirement.specifier}"
            yield f"{lock.name} declares {declared}, here is {installed}"


def _declared(lock: Path) -> Iterator["Requirement"]:
    from packaging.requirements import InvalidRequirement, Requirement

    number, content = 0, ""
    try:
        text = lock.read_text(encoding="utf-8-sig")
        merging.check(text, lock.name, ReproducibilityError, "; or type `make lock`")
        for line in text.splitlines():
            number, content = number + 1, line.partition("#")[0].strip()
            requirement = Requirement(content) if content else None
            if requirement is None:
                continue
            extra = {"extra": _extra_of(requirement)}
            if not requirement.marker or requirement.marker.evaluate(extra):
                yield requirement
    except UnicodeDecodeError as error:
        raise ReproducibilityError(f"{lock} is no text: {error}", _MAKE_LOCK) from error
    except InvalidRequirement as error:
        line = f"{lock} line {number} declares no package: {content}"
        raise ReproducibilityError(line, _MAKE_LOCK) from error


def _extra_of(requirement: "Requirement") -> str:
    """Return the extra that a package comes with; empty if it must be there."""
    found = _EXTRA.search(str(requirement.marker))
    return found[1] if found else ""


def _installed(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return _NONE


def variables(declared: Instructions) -> Iterator[str]:
    """Yield which environment variables change results otherwise than runtime.instructions says.

    What ``cap`` sets itself is as declared, whatever it was before.
    """
    known = {name for caps in CAPS.values() for name in caps}
    for variable in sorted(known.union(_UNDECLARED) - CAPS[declared].keys()):
        value = os.environ.get(variable)
        if value is not None:
            yield f"{variable}={value} is set, which runtime.instructions={declared} does not do"
