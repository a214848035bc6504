"""What a gate judges: a version, beside what it would replace."""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemma.registry.models import Model
from stemma.registry.policy import RegistrySettings
from stemma.store.digest import digest_of, files_of
from stemma.store.registry import Registered, Registry
from stemma.store.version import Version
from stemma.versions.contents.metrics import read_metrics

if TYPE_CHECKING:
    from stemma.versions.comparison.tested import Comparison


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a gate says.

    Attributes:
        gate: its name.
        passed: whether the version may pass. What cannot be told does not pass.
        evidence: one sentence with the numbers that it rests on.
        facts: the same for machines: JSON values.
    """

    gate: str
    passed: bool
    evidence: str
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Case:
    """A version that is to go to a stage.

    Attributes:
        version: the version.
        model: which of its outputs is handed on, and under what name.
        registered: its name in the registry; None if it has none.
        stage: where it is to go; empty where no stage is meant.
        incumbent: the version that stands there now; None if there is none, or it is the same.
        settings: of the registry.
        registry: what is registered.
        root: the project.
    """

    version: Version
    model: Model
    registered: Registered | None
    stage: str
    incumbent: Version | None
    settings: RegistrySettings
    registry: Registry
    root: Path

    @functools.cached_property
    def files(self) -> dict[str, str]:
        """The SHA-256 of each file of the model, by its path.

        Raises:
            MissingError: the bytes are nowhere.
        """
        return files_of(self.version, self.model.output)

    @property
    def digest(self) -> str:
        """The digest of the model's files."""
        return digest_of(self.files)

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """The metrics of the version; {} if it has none.

        Raises:
            DamagedError: they are torn.
        """
        return read_metrics(self.version) or {}

    @functools.cached_property
    def comparison(self) -> "Comparison | None":
        """The metrics of the incumbent and of this version, paired; None without an incumbent."""
        from stemma.versions.comparison.tested import compare_versions

        if self.incumbent is None:
            return None
        before = read_metrics(self.incumbent) or {}
        return compare_versions(self.incumbent, self.version, before, self.metrics)
