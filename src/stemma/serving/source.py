"""What is to be served: found, checked, and laid out as a folder beside the working tree."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemma.errors import StemmaError
from stemma.files import sha256_of
from stemma.hashes import files_of as listed
from stemma.layout import EXPORTED
from stemma.registry import policy, trust
from stemma.registry.exported import laid_out
from stemma.registry.folders import as_folder
from stemma.registry.models import artifact_of, find, model_of
from stemma.registry.signatures import checked
from stemma.registry.trust import RefusedError
from stemma.store import git
from stemma.store.digest import digest_of, files_of
from stemma.store.errors import ProjectError
from stemma.store.naming import Folder
from stemma.store.registry import Assignment, Registered, Registry
from stemma.store.version import Commit, Tree, Version

MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """A version that can be served.

    Attributes:
        name: by which clients ask for it, such as ``lm@v1.2.0``.
        artifact: the model's name; that of the folder where there is no registry.
        version: such as ``v1.2.0``; None if it is not registered.
        commit: its commit; None of a folder.
        digest: SHA-256 of its files.
        where: what can be read of it.
        output: the path of its files.
        tag: by which it stands on a stage; None if it was asked for by name.
    """

    name: str
    artifact: str
    version: str | None
    commit: str | None
    digest: str
    where: Version
    output: str
    tag: str | None = None

    @property
    def bytes(self) -> int:
        """Of its files."""
        paths = self.where.files(self.output)
        return sum(self.where.path(self.output, path).stat().st_size for path in paths)

    @contextlib.contextmanager
    def folder(self, root: Path) -> Iterator[Path]:
        """Yield a folder with models/exported, and models/base if it is an adapter.

        Raises:
            MissingError: bytes are nowhere.
            ModelError: the model brings code.
        """
        with laid_out(self.where, self.output, root) as place:
            yield place


def on_stage(root: Path, stage: str, artifact: str | None) -> Source:
    """Return what stands on a stage, with all that a reader asks of it.

    Raises:
        RefusedError: it is recalled, or its evidence, signature or bytes are not right.
        ProjectError: there is no such stage or model, or bytes are nowhere.
    """
    registry = Registry(root)
    found = standing(root, stage, artifact, registry)
    assert found.version
    one = find(registry, f"{found.artifact}@{found.version}")
    one = one if one.evidence else dataclasses.replace(one, evidence=found.evidence)
    return dataclasses.replace(_registered(one, registry, root), tag=found.tag)


def standing(
    root: Path, stage: str, artifact: str | None, registry: Registry | None = None
) -> Assignment:
    """Return by which tag what stands on a stage; its bytes are not looked at.

    Raises:
        RefusedError: as ``on_stage``.
    """
    registry = registry or Registry(root)
    settings = policy.read(root)
    return trust.current(registry, artifact_of(registry, artifact), stage, settings.require)


def registered(root: Path, word: str) -> Source:
    """Return a registered version by its name; raises as ``on_stage``."""
    registry = Registry(root)
    one = find(registry, word)
    trust.check_not_recalled(registry, one.artifact, one.version)
    return _registered(one, registry, root)


def revision(root: Path, rev: str, artifact: str | None) -> Source:
    """Return any commit, registered or not.

    Raises:
        ProjectError: there is no such commit, it declares no such model, or bytes are nowhere.
    """
    commit = git.run(["rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}"], root).strip()
    version = Commit(rev, commit, root)
    model = model_of(version, artifact, root)
    hashes = files_of(version, model.output)
    _check_manifest(rev, hashes, version.content(model.output, MANIFEST))
    found = digest_of(hashes)
    name = f"{model.name}@{commit[:10]}"
    return Source(name, model.name, None, commit, found, version, model.output)


def path(root: Path, folder: Path) -> Source:
    """Return a folder with a model; where it has a manifest, its files are those listed there.

    Args:
        root: the project, of which it may be the export.
        folder: its place.

    Raises:
        ProjectError: there is no model.
        RefusedError: a file is not what the manifest says.
    """
    if not (folder / "config.json").is_file():
        raise ProjectError(f"{folder} holds no model: it has no config.json", "--path FOLDER")
    hashes = {one: sha256_of(place) for one, place in listed(folder).items()}
    raw = (folder / MANIFEST).read_bytes() if MANIFEST in hashes else None
    _check_manifest(str(folder), hashes, raw)
    version, output, called = _place(root, folder)
    return Source(called, called, None, None, digest_of(hashes), version, output)


def _place(root: Path, folder: Path) -> tuple[Version, str, str]:
    """Return how a folder is read, the path in it, and its name: that of a project's own export."""
    tree = Tree(root)
    if (root / "dvc.yaml").exists() and folder.resolve() == (
        root / tree.declared.exported
    ).resolve():
        model = model_of(tree, None, root)
        return tree, model.output, model.name
    version = Folder(folder.resolve())
    return version, version.declared.trained, folder.resolve().name


def _registered(one: Registered, registry: Registry, root: Path) -> Source:
    settings = policy.read(root)
    if settings.require != "none":
        trust.check_registration(one)
    version = Commit(one.name, one.commit, root)
    output = str(one.evidence.get("output") or EXPORTED)
    hashes = files_of(version, output)
    _check_manifest(one.name, hashes, version.content(output, MANIFEST))
    found = digest_of(hashes)
    wanted = one.evidence.get("digest")
    if wanted is not None and found != wanted:
        raise RefusedError(
            f"the bytes of {one.name} are not those of its tag: their digest is {found[:12]}, and "
            f"it says {str(wanted)[:12]}",
            "ask who registered it",
        )
    source = Source(one.name, one.artifact, one.version, one.commit, found, version, output)
    if settings.require == "signed":
        keys = [root / key for key in settings.keys]
        with as_folder(version, output, root) as place:
            checked(one, registry, place, keys)
    return source


def _check_manifest(name: str, hashes: dict[str, str], raw: bytes | None) -> None:
    """Refuse files that are not those which the export's own manifest lists."""
    if raw is None:
        return
    try:
        told: Any = {one["path"]: one["sha256"] for one in json.loads(raw)["files"]}
    except (ValueError, LookupError, TypeError) as error:
        raise RefusedError(
            f"{MANIFEST} of {name} is torn: {error!r}", "`dvc repro export` makes it anew"
        ) from error
    for one in told:
        if hashes.get(one) != told[one]:
            raise RefusedError(
                f"{one} of {name} is not what its {MANIFEST} says", "`dvc checkout` brings it back"
            )


def why(error: StemmaError) -> str:
    """Return an error as one line."""
    return " ".join(str(error).split())
