"""Set torch up as the declared runtime says, and return what that comes to on this machine."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Literal

from stemma.environment import Instructions, RuntimeSettings
from stemma.errors import ModelError

if TYPE_CHECKING:
    import torch

# Functions that torch computes with MKL's vector library.
_VECTOR_FUNCTIONS = (
    *("acos", "asin", "atan", "cos", "erf", "erfc", "erfinv", "exp", "log", "log10", "log1p"),
    *("sin", "sqrt", "tan", "tanh", "trunc"),
)
# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@dataclasses.dataclass(frozen=True)
class Runtime:
    """What the settings came to on this machine.

    Attributes:
        device: ``cpu`` or ``cuda``.
        precision: ``bf16`` or ``fp32``: the arithmetic of the matrix products.
        threads: of one operation; the sums of a matrix product depend on it.
        instructions: the newest instruction set that may be used.
        deterministic: whether only algorithms run that give the same bits every time.
        seed: of every random number.
    """

    device: Literal["cpu", "cuda"]
    precision: Literal["bf16", "fp32"]
    threads: int
    instructions: Instructions
    deterministic: bool
    seed: int

    def dtype(self) -> torch.dtype:
        """Return the type of the matrix products."""
        import torch

        return torch.bfloat16 if self.precision == "bf16" else torch.float32

    def autocast(self) -> torch.autocast:
        """Return the context in which forward passes run."""
        import torch

        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def start(settings: RuntimeSettings) -> Runtime:
    """Set torch up as declared: threads, determinism, seed. Call it before importing torch.

    Raises:
        ModelError: the declared device is not there.
    """
    # Libraries read these when they are loaded. Threads that wait for one another spin for a short
    # while and then sleep: to spin for longer makes quiet cores no faster, takes a core from the
    # threads that multiply (`stemma.modeling.portable`), and costs half of the speed as soon as
    # anything else runs there. cuBLAS is not deterministic without a workspace of fixed size.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    has_cuda = torch.cuda.is_available()
    if settings.device == "cuda" and not has_cuda:
        raise ModelError("runtime.device is 'cuda', and torch sees none", "set runtime.device=auto")
    device = "cuda" if has_cuda and settings.device != "cpu" else "cpu"
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if computes_bf16(device, settings.instructions) else "fp32"
    torch.set_num_threads(settings.threads)
    torch.use_deterministic_algorithms(settings.deterministic)
    # Filling every new tensor finds uses of unset memory; it makes no result more deterministic.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if device == "cpu":
        _keep_freed_memory()
        _settle_vector_functions()
        if settings.instructions == "avx2":
            from stemma.modeling import portable

            portable.install(settings.threads)
    torch.manual_seed(settings.seed)
    return Runtime(
        device,
        precision,
        settings.threads,
        settings.instructions,
        settings.deterministic,
        settings.seed,
    )


def _keep_freed_memory() -> None:
    # By default glibc hands each activation back to the kernel when it is freed, and the next step
    # pays a page fault for every 4 KB of it: a fifth of the default recipe's speed. Elsewhere
    # (musl, macOS) there is no mallopt.
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 2**30)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _settle_vector_functions() -> None:
    # MKL chooses the code of a function when it is first called. Where two threads make that call
    # together, one of them can get the code of the lowest accuracy: of ten evaluations two had
    # exp wrong by 1.5e-4 in half of their first batch. So one thread makes it, before all others.
    import torch

    for dtype in (torch.float32, torch.float64):
        for name in _VECTOR_FUNCTIONS:
            getattr(torch, name)(torch.full((1,), 0.5, dtype=dtype))


def computes_bf16(device: str, instructions: Instructions) -> bool:
    """Return whether a device has instructions of its own that multiply in bf16."""
    # Emulated bf16 on a processor without these instructions is many times slower than fp32.
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if instructions != "native":
        return False
    # "cpu_capability" stops at AVX512, so ask for the instructions themselves.
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
