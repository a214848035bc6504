"""Arithmetic whose bits are the same on every x86-64 processor with AVX2, at native speed.

torch computes products of floats on a CPU with MKL, which takes other kernels on another make of
processor, and other blocks with another cache or thread count; held to what all of them have in
common (``MKL_CBWR=COMPATIBLE``) it runs at a third of their speed. numpy brings OpenBLAS, whose
kernels can be named (`stemma.environment` names Haswell's, which have AVX2 and constant blocks).
So ``install`` puts OpenBLAS under torch's own operators: whatever multiplies on a CPU, a family, a
task or an optimiser, goes through it. Square roots, which MKL approximates by instructions whose
bits are the processor's choice, are numpy's too.

A large product is cut into pieces by its shape alone, and each piece is computed by one thread. So
the bits depend neither on how many threads there are nor on which of them is free first.
"""

from __future__ import annotations

import functools
import itertools
import queue
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stemma.errors import ReproducibilityError

Array = NDArray[Any]
Call = Callable[[], object]
Operator = Callable[..., Tensor]

SMALL = 2**21  # multiplications that are done before another thread has woken up
PIECES = 4  # of a large product: enough to share out if one of two cores is busy
NARROWEST = 64  # rows or columns of a piece: narrower ones run at a lower rate
_KINDS = (torch.float32, torch.float64)
_LIBRARY = "scipy-openblas"  # what PyPI's numpy is built with on x86-64


class Team:
    """Threads that wait for work.

    Args:
        threads: how many work at once, including the one that calls.
    """

    def __init__(self, threads: int) -> None:
        self._jobs: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._others = threads - 1
        for _ in range(self._others):
            threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()

    def run(self, calls: list[Call]) -> None:
        """Make every call once, in any order and in any thread; return when all have ended.

        Raises:
            Exception: what one of the calls raised.
        """
        left, ended = iter(calls), queue.SimpleQueue[Exception | None]()

        def work() -> None:
            # One thread at a time takes the next: an iterator over a list is not interrupted.
            for call in left:
                try:
                    call()
                    ended.put(None)
                except Exception as error:  # noqa: BLE001 - raised where it is awaited
                    ended.put(error)

        for _ in range(min(self._others, len(calls) - 1)):
            self._jobs.put(work)
        work()
        # A thread that wakes up too late finds nothing left, so calls are awaited, not threads.
        for error in [ended.get() for _ in calls]:
            if error is not None:
                raise error


@functools.cache
def install(threads: int) -> torch.library.Library:
    """Put OpenBLAS under torch's products on CPUs, for the rest of the process.

    Types other than float32 and float64 keep torch's own kernels.

    Args:
        threads: how many compute at once; no bit depends on it.

    Raises:
        ReproducibilityError: numpy was built with another library.
    """
    built: Any = np.show_config(mode="dicts")
    library = built["Build Dependencies"]["blas"]["name"]
    if library != _LIBRARY:
        raise ReproducibilityError(
            f"runtime.instructions=avx2 needs numpy with {_LIBRARY}, and this one has {library}",
            "install numpy from PyPI, or use -S runtime=auto",
        )
    product = functools.partial(_product, Team(threads))
    bodies = {name: functools.partial(body, product) for name, body in _PRODUCTS.items()}
    replaced = torch.library.Library("aten", "IMPL")
    # The operators are replaced on purpose.
    warnings.filterwarnings("ignore", "Warning only once for all operators", UserWarning)
    for name, body in {**bodies, **_ROOTS}.items():
        own = torch.library.get_kernel(f"aten::{name}", "CPU")
        replaced.impl(name, functools.partial(_kernel, body, own), "CPU", with_keyset=True)
    # Flash attention calls MKL past the operators; without it attention is made of products.
    torch.backends.cuda.enable_flash_sdp(False)
    return replaced


def _kernel(body: Operator, own: Any, keys: Any, *given: Tensor, **more: Any) -> Tensor:
    kind = given[0].dtype
    alike = all(one.dtype == kind for one in (*given, more.get("out", given[0])))
    if kind in _KINDS and alike and all(one.numel() for one in given):
        return body(*given, **more)
    return own.call_boxed(keys, *given, **more)


def _product(team: Team, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    """Return left @ right: [M, K] by [K, N], or [B, M, K] by [B, K, N]."""
    shape = (*left.shape[:-1], right.shape[-1])
    if out is not None and out.shape != shape:
        out.resize_(shape)
    result = out if out is not None and out.is_contiguous() else left.new_empty(shape)
    team.run(_pieces(_array(left), _array(right), result.detach().numpy()))
    return result if out is None or out is result else out.copy_(result)


def _array(matrices: Tensor) -> Array:
    # numpy hands a matrix to OpenBLAS if its rows or its columns are contiguous; others it
    # multiplies by a loop of its own.
    rows, columns = matrices.shape[-2:]
    down, along = matrices.stride()[-2:]
    if not (along == 1 and down >= columns) and not (down == 1 and along >= rows):
        matrices = matrices.contiguous()
    # Tensor.numpy() would pin the storage of a weight, which FSDP lets go after it was gathered.
    return np.from_dlpack(matrices.detach())  # type: ignore[arg-type]


def _pieces(left: Array, right: Array, out: Array) -> list[Call]:
    *_, rows, inner = left.shape
    columns = right.shape[-1]
    if out.size * inner <= SMALL:
        return [functools.partial(np.matmul, left, right, out=out)]
    if out.ndim == 3 and len(out) > 1:
        parts = [(slice(*ends),) * 3 for ends in _cut(len(out), 1)]
    elif rows >= columns:
        parts = [(part := (..., slice(*ends), slice(None)), (...,), part) for ends in _cut(rows)]
    else:
        parts = [((...,), part := (..., slice(*ends)), part) for ends in _cut(columns)]
    return [functools.partial(np.matmul, left[a], right[b], out=out[c]) for a, b, c in parts]


def _cut(length: int, least: int = NARROWEST) -> list[tuple[int, int]]:
    size = max(-(-length // PIECES), least)
    ends = [*range(0, length, size), length]
    return list(itertools.pairwise(ends))


def _multiply(product: Operator, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
    return product(left, right, out)


def _add(
    product: Operator,
    to: Tensor,
    left: Tensor,
    right: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
    out: Tensor | None = None,
) -> Tensor:
    """Return beta * to + alpha * left @ right; beta = 0 ignores ``to``, as BLAS does."""
    result = product(left, right)
    if beta == 0:
        result.mul_(alpha)
        return result if out is None else out.resize_(result.shape).copy_(result)
    to = to if beta == 1 else to * beta
    return torch.add(to, result, alpha=alpha, out=result if out is None else out)


def _add_in_place(
    product: Operator, to: Tensor, left: Tensor, right: Tensor, **scales: float
) -> Tensor:
    return _add(product, to, left, right, out=to, **scales)


def _by_vector(
    product: Operator, matrix: Tensor, vector: Tensor, out: Tensor | None = None
) -> Tensor:
    result = product(matrix, vector[:, None])[:, 0]
    return result if out is None else out.resize_(result.shape).copy_(result)


def _add_by_vector(
    product: Operator, to: Tensor, matrix: Tensor, vector: Tensor, **more: Any
) -> Tensor:
    columns = {"out": more.pop("out")[:, None]} if "out" in more else {}
    to = to.expand(len(matrix))[:, None]
    return _add(product, to, matrix, vector[:, None], **more, **columns)[:, 0]


def _inner(product: Operator, left: Tensor, right: Tensor) -> Tensor:
    return product(left[None], right[:, None])[0, 0]


def _root(of: Tensor, out: Tensor | None = None) -> Tensor:
    result = torch.from_numpy(np.sqrt(of.contiguous().detach().numpy()))
    return result if out is None else out.resize_(result.shape).copy_(result)


def _root_in_place(of: Tensor) -> Tensor:
    return _root(of, of)


_PRODUCTS: dict[str, Operator] = {
    **dict.fromkeys(("mm", "mm.out", "bmm", "bmm.out"), _multiply),
    **dict.fromkeys(("addmm", "addmm.out", "baddbmm", "baddbmm.out"), _add),
    **dict.fromkeys(("addmm_", "baddbmm_"), _add_in_place),
    **dict.fromkeys(("mv", "mv.out"), _by_vector),
    **dict.fromkeys(("addmv", "addmv.out"), _add_by_vector),
    **dict.fromkeys(("dot", "vdot"), _inner),
}
_ROOTS: dict[str, Operator] = {
    **dict.fromkeys(("sqrt", "sqrt.out"), _root),
    "sqrt_": _root_in_place,
}
