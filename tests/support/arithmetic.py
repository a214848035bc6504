"""Prints a digest of each kind of arithmetic that a version is made of, as JSON.

    python tests/support/arithmetic.py THREADS

in the environment of ``runtime=portable``, which the one who starts it sets.
"""

import hashlib
import json
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SHAPES = [(256, 64, 300), (512, 256, 768), (64, 512, 1024), (1024, 256, 64), (33, 77, 129)]
SHAPES += [(5, 7, 11), (1, 256, 256), (256, 256, 1)]
FUNCTIONS = ("exp", "log", "tanh", "sigmoid", "rsqrt", "sqrt", "erf", "sin", "cos", "log1p")


def products(random: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Yield products of all kinds and layouts, by the operators that torch has for them."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    for rows, inner, columns in SHAPES:
        name = f"{rows}x{inner}x{columns}"
        left, right, to = draw(rows, inner), draw(inner, columns), draw(rows, columns)
        yield f"mm {name}", left @ right
        yield f"mm, transposed {name}", draw(inner, rows).t() @ draw(columns, inner).t()
        yield f"addmm {name}", torch.addmm(to, left, right, beta=0.5, alpha=-2)
        yield f"addmm, in place {name}", to.clone().addmm_(left, right)
        yield f"linear {name}", functional.linear(left, draw(columns, inner), draw(columns))
        yield f"mm, float64 {name}", left.double() @ right.double()
        yield f"mv {name}", left @ right[:, 0]
        yield f"addmv {name}", torch.addmv(draw(rows), left, right[:, 0], beta=2)
        yield f"dot {name}", left[0] @ right[:, 0]
    left, right, to = draw(32, 130, 64), draw(32, 64, 130), draw(32, 130, 130)
    yield "bmm", left @ right
    yield "bmm, transposed", right.transpose(1, 2) @ left.transpose(1, 2)
    yield "bmm, expanded", left[:1].expand(32, -1, -1) @ right
    yield "baddbmm", torch.baddbmm(to, left, right, beta=-0.3, alpha=0.7)
    yield "baddbmm, in place", to.clone().baddbmm_(left, right, beta=0)
    yield "einsum", torch.einsum("bij,bjk->bik", left, right)
    yield "every other row", left[0, ::2, ::3] @ right[0, ::3, ::2]
    yield "out, transposed", torch.mm(left[0], right[0], out=torch.empty(130, 130).t())
    yield "out, to be resized", torch.bmm(left, right, out=torch.empty(0))
    nothing = torch.full((130, 130), float("nan"))
    yield "beta 0 ignores what it adds to", torch.addmm(nothing, left[0], right[0], beta=0)
    yield "no rows", torch.zeros(0, 5) @ torch.zeros(5, 3)
    weight = draw(64, 130).requires_grad_()
    (left[0] @ weight).square().mean().backward()
    assert weight.grad is not None
    yield "gradient", weight.grad
    heads = draw(3, 2, 2, 40, 16)
    yield "attention", functional.scaled_dot_product_attention(*heads, is_causal=True)


def others(random: torch.Generator) -> Iterator[tuple[str, Tensor]]:
    """Yield what models and optimisers compute beside products."""
    values = torch.randn(200, 300, generator=random)
    for name in FUNCTIONS:
        yield name, getattr(torch, name)(values.abs() + 0.1)
    for name in ("softmax", "log_softmax", "logsumexp"):
        yield name, getattr(torch, name)(values, -1)
    for name in ("silu", "gelu", "relu", "softplus"):
        yield name, getattr(functional, name)(values)
    yield "layer norm", functional.layer_norm(values, (300,))
    yield "rms norm", functional.rms_norm(values, (300,))
    yield "cross entropy", functional.cross_entropy(values, torch.arange(200))
    yield "sums", torch.stack([values.sum(), values.norm(), values.std(), values.mean()])
    yield "sums of columns", values.sum(0)
    for optimizer in (torch.optim.AdamW, torch.optim.SGD):
        weight = nn.Parameter(values[:64, :64].clone())
        steps = optimizer([weight], lr=0.1, fused=True)
        for _ in range(3):
            weight.grad = weight.detach().sin()
            steps.step()
        yield optimizer.__name__, weight.detach()
    array = values.double().numpy()
    yield "numpy", torch.from_numpy(np.log(np.abs(array)) + np.exp(array) + np.sort(array))
    yield "numpy's sums", torch.tensor([array.sum(), array.std(), (array @ array.T).sum()])


def digests(threads: int) -> dict[str, str]:
    """Return the digest of each result, computed by so many threads."""
    from stemma.modeling import portable

    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    portable.install(threads)
    found = {}
    for kind in (products, others):
        for name, value in kind(torch.Generator().manual_seed(1)):
            content = value.detach().contiguous().numpy().tobytes()
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def errors() -> dict[str, float]:
    """Return by product how far ours is from torch's own, relative to the largest value."""
    from stemma.modeling import portable

    theirs = dict(products(torch.Generator().manual_seed(1)))
    portable.install(2)
    ours = dict(products(torch.Generator().manual_seed(1)))
    return {name: _distance(theirs[name], ours[name]) for name in theirs}


def _distance(one: Tensor, other: Tensor) -> float:
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    if not one.numel():
        return 0.0
    return float((one - other).abs().max() / one.abs().max())


if __name__ == "__main__":
    asked = sys.argv[1]
    print(json.dumps(errors() if asked == "errors" else digests(int(asked))))
