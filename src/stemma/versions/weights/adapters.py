"""What an adapter adds to the weights of its base: scale · B A, in pieces.

Hu et al. 2021, LoRA; scaled by alpha / rank, or by alpha / √rank (Kalajdzievski 2023).
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
from stemma.store.tensors import Read, Stored, read_header

_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(\.weight)?")
_PREFIX = "base_model.model."


@dataclasses.dataclass(frozen=True)
class _Term:
    """scale · B A, or that transposed.

    Attributes:
        a: [rank, inputs].
        b: [outputs, rank].
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
    """A matrix that is known by its factors, or the difference of two of them.

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
        """Read the factors, float32 [rows, rank] and [rank, columns]."""
        pairs = [term.factors() for term in self.terms]
        return np.hstack([left for left, _ in pairs]), np.vstack([right for _, right in pairs])

    def singular(self) -> NDArray[Any]:
        """Return the singular values, descending: those of R_left R_rightᵀ of the factors' QR."""
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
    """A tensor of a base and what an adapter adds to it."""

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
    """An adapter of PEFT, as Stemma's training with LoRA writes it.

    Args:
        weights: adapter_model.safetensors.
        config: adapter_config.json.
        said: what the two are called in errors.

    Raises:
        ModelError: it is torn, or a kind of adapter that cannot be read.
    """

    def __init__(self, weights: Path, config: Path, said: tuple[str, str]) -> None:
        self._said = said
        self._config = _read_config(config, said[1])
        self._factors: dict[str, dict[str, Stored]] = {}
        self.brought: dict[str, Stored] = {}
        """Whole tensors that stand in the place of the base's, or beside them."""
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
        """The tensors that it adds to."""
        return [f"{module}.weight" for module in self._factors]

    def product(self, target: str, shape: tuple[int, ...] | None = None) -> Product:
        """Return what it adds to a tensor.

        Args:
            target: one of ``targets``.
            shape: of the base's tensor, if known: GPT-2 has its matrices transposed.

        Raises:
            ModelError: it does not fit.
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
        # The keys are ends of names, or regular expressions of them, as PEFT takes them.
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
