"""The manifests of a history, and the sketch of a text that each of them would hold."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stemma.config import build
from stemma.corpus.settings import PersonalSettings
from stemma.corpus.sketch import SHINGLE, sketch_of
from stemma.store.cache import Cache
from stemma.store.errors import MissingError
from stemma.versions.contents.manifest import MANIFEST
from stemma.versions.history.records import Record

_KINDS = tuple(field.name for field in dataclasses.fields(PersonalSettings))


@dataclasses.dataclass(frozen=True)
class Sketcher:
    """The settings under which sketches are made.

    Attributes:
        shingle: words per shingle.
        personal: the treatment of each kind of personal data, as pairs of kind and treatment.
    """

    shingle: int
    personal: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Sketcher":
        """Return that of a version, by its settings with dotted keys."""
        shingle = settings.get("prepare.duplicates.shingle", SHINGLE)
        personal = ((kind, settings.get(f"prepare.personal.{kind}", "keep")) for kind in _KINDS)
        return cls(int(shingle), tuple(personal))

    def sketch(self, text: str) -> bytes:
        """Return the sketch that prepare would have made of a text.

        Raises:
            SettingsError: the version's settings name an unknown treatment.
        """
        treatments = build(PersonalSettings, dict(self.personal), "params.yaml", "prepare.personal")
        return sketch_of(text, self.shingle, treatments)


@dataclasses.dataclass(frozen=True)
class SketchedManifest:
    """A manifest, and how its sketches were made.

    Attributes:
        path: the file.
        owner: the manifest's name in an error, after one of the versions that have it.
        sketcher: makes the sketch that it would hold of a text.
    """

    path: Path
    owner: str = dataclasses.field(compare=False)
    sketcher: Sketcher


def manifests_of(
    found: Sequence[Record], root: Path
) -> tuple[dict[str, SketchedManifest], dict[str, str]]:
    """Return the manifest of each version, and why a manifest cannot be read, both by commit.

    Versions with the same manifest and settings share one equal object. A manifest that the cache
    lacks is fetched from the default remote, and asked for once.
    """
    cache = Cache(root)
    paths: dict[str, Path | MissingError | None] = {}
    known: dict[str, SketchedManifest] = {}
    missing: dict[str, str] = {}
    for record in found:
        prepared = record.declared.prepared
        output, _ = record.lock.outs.get(prepared, ("", 0))
        owner = f"{prepared}/{MANIFEST} of {record.commit[:7]}"
        if output and output not in paths:
            paths[output] = _path(cache, output, owner)
        path = paths.get(output)
        if isinstance(path, Path):
            sketcher = Sketcher.of(record.settings)
            known[record.commit] = SketchedManifest(path, owner, sketcher)
        elif path is not None:
            missing[record.commit] = str(path)
    return known, missing


def _path(cache: Cache, output: str, owner: str) -> Path | MissingError | None:
    try:
        files = cache.files(output, owner)
        return cache.path(files[MANIFEST], owner) if MANIFEST in files else None
    except MissingError as error:
        return error
