"""What a LoRA adapter adds to the weights of its base: scale · B A (Hu et al. 2021).

The scale is alpha / rank, or alpha / √rank (Kalajdzievski 2023). The product is computed in pieces.
"""

import contextlib
import dataclasses
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemma.errors import ModelError
from stemma.modeling.weights.tensors import Read, Stored, read_header

_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(\.weight)?")
_PREFIX = "base_model.model."


@dataclasses.dataclass(frozen=True)
class _Term:
    """scale · B A, or its transpose.

    Attributes:
        a: [rank, inputs].
        b: [outputs, rank].
        scale: factor of the product.
        turned: whether the product is transposed.
    """

    a: Stored
    b: Stored
    scale: float
    turned: bool

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        a, b = _whole(self.a), _whole(self.b) * np.float32(self.scale)
        return (a.T, b.T) if self.turned else (b, a)


@dataclasses.dataclass(frozen=True)
class Product:
    """A matrix that is given by its factors, or the difference of two such matrices.

    The factors are read when it is opened.
    """

    terms: tuple[_Term, ...]
    dtype: str = "F32"

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102 (as Tensor)
        term = self.terms[0]
        sizes = term.b.shape[0], term.a.shape[1]
        return sizes[::-1] if term.turned else sizes

    def __neg__(self) -> "Product":
        return Product(tuple(dataclasses.replace(term, scale=-term.scale) for term in self.terms))

    def __sub__(self, other: "Product") -> "Product":
        return Product(self.terms + (-other).terms)

    def factors(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Read and return the factors, float32 [rows, rank] and [rank, columns]."""
        pairs = [term.factors() for term in self.terms]
        return np.hstack([left for left, _ in pairs]), np.vstack([right for _, right in pairs])

    def singular(self) -> NDArray[Any]:
        """Return the singular values, descending, from the QR decompositions of both factors."""
        left, right = (factor.astype(np.float64) for factor in self.factors())
        return np.linalg.svd(np.linalg.qr(left).R @ np.linalg.qr(right.T).R.T, compute_uv=False)

    @contextlib.contextmanager
    def open(self, most: int) -> Iterator[Read]:  # noqa: D102
        left, right = self.factors()
        width = right.shape[1]

        def read(start: int, stop: int) -> NDArray[Any]:
            first, last = start // width, -(-stop // width)
            rows = (left[first:last] @ right).reshape(-1)
            return rows[start - first * width : stop - first * width]

        yield read


@dataclasses.dataclass(frozen=True)
class Sum:
    """The sum of a tensor of a base and what an adapter adds to it."""

    base: Stored
    added: Product

    @property
    def dtype(self) -> str:  # noqa: D102
        return self.base.dtype

    @property
    def shape(self) -> tuple[int, ...]:  # noqa: D102
        return self.base.shape

    @contextlib.contextmanager
    def open(self, most: int) -> Iterator[Read]:  # noqa: D102
        with self.base.open(most) as ours, self.added.open(most) as theirs:
            yield lambda start, stop: ours(start, stop) + theirs(start, stop)


class Adapter:
    """A LoRA adapter in the files of PEFT.

    Args:
        weights: adapter_model.safetensors.
        config: adapter_config.json.
        said: what errors call these two files.

    Raises:
        ModelError: a file is torn, or it is an adapter of another kind.
    """

    def __init__(self, weights: Path, config: Path, said: tuple[str, str]) -> None:
        self._said = said
        self._config = _read_config(config, said[1])
        self._factors: dict[str, dict[str, Stored]] = {}
        self.brought: dict[str, Stored] = {}
        """Whole tensors that replace those of the base or are added to them."""
        for name, stored in read_header(weights, said[0]).items():
            plain = name.removeprefix(_PREFIX)
            if found := _FACTOR.fullmatch(plain):
                sides = self._factors.setdefault(found["module"], {})
                sides[f"{found['embedding'] or ''}{found['side']}"] = stored
            elif "lora_" in plain:
                raise ModelError(f"{said[0]}: '{name}' belongs to a kind of LoRA not known here")
            else:
                self.brought[plain] = stored

    @property
    def targets(self) -> list[str]:
        """The names of the tensors that it adds to."""
        return [f"{module}.weight" for module in self._factors]

    def product(self, target: str, shape: tuple[int, ...] | None = None) -> Product:
        """Return what it adds to a tensor.

        Args:
            target: one of ``targets``.
            shape: shape of the base's tensor, if known; GPT-2 stores its matrices transposed.

        Raises:
            ModelError: its matrices do not fit each other, or do not fit the base.
        """
        module = target.removesuffix(".weight")
        sides = self._factors[module]
        embedding = any(key.startswith("embedding") for key in sides)
        names = ("embedding_A", "embedding_B") if embedding else ("A", "B")
        if set(sides) != set(names) or any(len(side.shape) != 2 for side in sides.values()):
            raise ModelError(f"{self._said[0]}: {module} has no pair of matrices A and B")
        a, b = (sides[name] for name in names)
        if a.shape[0] != b.shape[1]:
            raise ModelError(f"{self._said[0]}: A and B of {module} do not fit each other")
        turned = embedding or bool(self._config.get("fan_in_fan_out"))
        product = Product((_Term(a, b, self._scale(module, a.shape[0]), turned),))
        if shape is not None and product.shape != shape == product.shape[::-1]:
            product = Product((dataclasses.replace(product.terms[0], turned=not turned),))
        if shape is not None and product.shape != shape:
            raise ModelError(f"{self._said[0]}: A and B of {module} do not fit the base")
        return product

    def _scale(self, module: str, rank: int) -> float:
        alpha = self._setting("alpha_pattern", module, self._config["lora_alpha"])
        return alpha / (math.sqrt(rank) if self._config.get("use_rslora") else rank)

    def _setting(self, key: str, module: str, default: float) -> float:
        # The keys are ends of names or regular expressions for them, as in PEFT.
        for pattern, value in (self._config.get(key) or {}).items():
            if re.fullmatch(rf"(.*\.)?({pattern})", module):
                return value
        return default


def _read_config(path: Path, said: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_bytes())
        known = config["peft_type"] == "LORA" and not config.get("use_dora")
        float(config["lora_alpha"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(f"{said} is no configuration of an adapter: {error!r}") from error
    if not known:
        raise ModelError(f"{said}: of adapters only LoRA can be read, and not DoRA")
    return config


def _whole(stored: Stored) -> NDArray[Any]:
    size = math.prod(stored.shape)
    with stored.open(size) as read:
        return read(0, size).astype(np.float32, copy=False).reshape(stored.shape)
