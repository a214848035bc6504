"""The declared environment: packages, Python, arithmetic; and what a stage finds instead of it.

environment.lock names the packages and the Python that can change a model's bytes; the section
``runtime`` of params.yaml names the arithmetic.
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

ENVIRONMENT = Path("environment.lock")
Instructions = Literal["native", "avx2"]

# What torch, oneDNN, MKL, numpy and OpenBLAS read when they are loaded. With its branches named
# after instruction sets MKL computes otherwise on AMD than on Intel; with COMPATIBLE it does not.
_CAPS: dict[Instructions, dict[str, str]] = {
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
    strict: bool
    """Stop in an environment other than the declared one; no output depends on it."""


def cap(instructions: Instructions) -> None:
    """Limit what libraries use of the processor; call it before numpy and torch are imported."""
    os.environ.update(_CAPS[instructions])


def differences(runtime: RuntimeSettings, lock: Path = ENVIRONMENT) -> list[str]:
    """Return what is not as declared, a phrase for each."""
    return [*packages(lock), *_instructions(runtime.instructions)]


def packages(lock: Path) -> Iterator[str]:
    """Yield which packages (and Python itself) are not those that environment.lock declares."""
    from packaging.requirements import Requirement

    for line in lock.read_text(encoding="utf-8").splitlines() if lock.exists() else ():
        if not line or line.startswith("#"):
            continue
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate():
            continue
        installed = _installed(wanted.name)
        # torch says 2.13.0+cpu for the build of 2.13.0 that knows no GPU.
        if not wanted.specifier.contains(installed.partition("+")[0], prereleases=True):
            yield f"{lock.name} declares {wanted.name}{wanted.specifier}, here is {installed}"


def _installed(name: str) -> str:
    if name == "python":
        return platform.python_version()
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _instructions(declared: Instructions) -> Iterator[str]:
    caps = _CAPS[declared]
    for variable in sorted({name for known in _CAPS.values() for name in known}):
        value = os.environ.get(variable)
        if value is not None and value != caps.get(variable):
            yield f"{variable}={value} is set, which runtime.instructions={declared} is not"
