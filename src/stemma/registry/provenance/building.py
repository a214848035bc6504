"""How a version was made, as SLSA provenance: its source, and each stage with inputs and outputs.

A statement follows from the commit and its bytes alone, not from who makes it, when or where; so a
version that started from another can name that one's statement by its SHA-256.
https://slsa.dev/spec/v1.0/provenance
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stemma.registry.models import Model, model_of
from stemma.registry.provenance.materials import Descriptor, Materials
from stemma.registry.provenance.statements import (
    PROVENANCE,
    Statement,
    StatementError,
    sha256_of,
    statement,
)
from stemma.store import git
from stemma.store.errors import MissingError, ProjectError
from stemma.store.lock import LockEntry, Stage, load
from stemma.store.version import Commit, Version

_BUILD_TYPE = "https://dvc.org/doc/user-guide/project-structure/dvcyaml-files#dvclock-file"
_BUILDER = "https://dvc.org/"
_EARLIER = "stemma://"
_MEDIA = "application/vnd.in-toto+json"


@dataclasses.dataclass(frozen=True)
class Provenance:
    """How a version was made.

    Attributes:
        commit: the version.
        statement: on it.
        bases: on the versions that it started from, nearest first, each once.
        missing: why bytes of it could not be read, by the path of the input or output, or by the
            origin of a base.
    """

    commit: str
    statement: Statement
    bases: tuple["Provenance", ...]
    missing: Mapping[str, str]


def provenance_of(version: Version, model: Model, root: Path) -> Provenance:
    """Return how a version was made, and how those were that it started from.

    Args:
        version: a commit.
        model: the output that the statement is about.
        root: the project.

    Raises:
        MissingError: the bytes of the model itself are nowhere.
        StatementError: the manifest of the model names other bytes than it has; or
            `in-toto-attestation` is not installed.
    """
    return _made(version, model, root, ())


def _made(version: Version, model: Model, root: Path, below: tuple[str, ...]) -> Provenance:
    assert version.commit
    materials = Materials(version, root)
    stages = [_stage(one, materials) for one in version.stages()]
    if not stages:
        raise ProjectError(f"{version.name} is no version: it has no dvc.lock", "`dvc repro`")
    subjects = _subjects(version, model, materials)
    started = tuple(_bases(version, root, (*below, version.commit)))
    lacking = {
        str(told["name"]): str(told["annotations"]["missing"])
        for told, _ in started
        if "missing" in told.get("annotations", {})
    }
    made = {out.path for stage in version.stages() for out in stage.outs}
    inputs = {dep.path: dep for one in version.stages() for dep in one.deps if dep.path not in made}
    source = {"name": "source", "digest": {"gitCommit": version.commit}}
    predicate = {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {"source": source, "output": model.output},
            "internalParameters": {"stages": stages},
            "resolvedDependencies": [
                source,
                *(materials.descriptor(inputs[path]) for path in sorted(inputs)),
                *(told for told, _ in started),
            ],
        },
        "runDetails": {"builder": {"id": _BUILDER}},
    }
    found = statement(subjects, PROVENANCE, predicate)
    bases = [base for _, base in started if base]
    every = {one.commit: one for base in bases for one in (base, *base.bases)}
    return Provenance(version.commit, found, tuple(every.values()), materials.missing | lacking)


def _stage(stage: Stage, materials: Materials) -> dict[str, Any]:
    read = load(stage.read) if isinstance(stage.read, str) else stage.read
    # Params are any YAML, and JSON has no dates.
    params = json.loads(json.dumps(read, default=str))
    return {
        "name": stage.name,
        "command": stage.command,
        "params": params,
        "materials": [materials.descriptor(one) for one in stage.deps],
        "products": [materials.descriptor(one) for one in stage.outs],
    }


def _subjects(version: Version, model: Model, materials: Materials) -> list[Descriptor]:
    """Return the model, and each of its files, which must be those that its manifest lists."""
    md5, size = version.lock.outs.get(model.output, ("", 0))
    entry = LockEntry(model.output, md5, size)
    files = materials.files(entry) if md5 else None
    if files is None:
        raise MissingError(
            materials.missing.get(model.output, f"{version.name} has no {model.output}"),
            "`dvc fetch` or `dvc repro` brings it",
        )
    _check_manifest(version, model, files)
    return [
        materials.descriptor(entry),
        *(
            {"name": f"{model.output}/{path}", "digest": {"sha256": files[path]}}
            for path in sorted(files)
            if path
        ),
    ]


def _check_manifest(version: Version, model: Model, files: Mapping[str, str]) -> None:
    raw = version.content(model.output, "manifest.json") if "manifest.json" in files else None
    try:
        listed = json.loads(raw)["files"] if raw else []
        wrong = [one["path"] for one in listed if files.get(one["path"]) != one["sha256"]]
    except (ValueError, LookupError, TypeError) as error:
        raise StatementError(f"manifest.json of {version.name} is torn", "`stemma fsck`") from error
    if wrong:
        raise StatementError(
            f"{wrong[0]} in {model.output} of {version.name} is not the one that manifest.json has",
            "`dvc repro export` makes both anew",
        )


def _bases(
    version: Version, root: Path, below: tuple[str, ...]
) -> Iterator[tuple[Descriptor, Provenance | None]]:
    """Yield how a statement names each model that a version started from; if a version, its own."""
    for facts in _started_from(version):
        origin, commit = str(facts.get("origin", "")), str(facts.get("version") or "")
        if not origin.startswith(_EARLIER):
            told: Descriptor = {"name": origin}
            if commit:
                told["annotations"] = {"version": commit}
            yield told, None
            continue
        told = {"name": origin, "digest": {"gitCommit": commit}, "mediaType": _MEDIA}
        base = None
        try:
            base = _at(commit, root, below)
            if base.missing:
                raise MissingError(f"{min(base.missing)}: {base.missing[min(base.missing)]}")
            told["digest"]["sha256"] = sha256_of(base.statement)
        except ProjectError as error:
            # Of what cannot be read whole the statement would be another elsewhere.
            told["annotations"] = {"missing": error.message}
        yield told, base


def _at(commit: str, root: Path, below: tuple[str, ...]) -> Provenance:
    found = git.find(commit, root)
    if found is None or found in below:
        raise MissingError(f"the commit {commit[:10]} is not in this repository")
    version = Commit(commit[:10], found, root)
    return _made(version, model_of(version, None, root), root, below)


def _started_from(version: Version) -> list[Mapping[str, Any]]:
    try:
        raw = version.content(version.declared.base, "base.json")
        facts = json.loads(raw or b"{}")
        if "parents" in facts:
            return [*facts["parents"], *filter(None, [facts.get("ancestor")])]
        return [facts] if facts.get("kind") else []
    except MissingError:
        return []  # the stage that made it says that it is missing
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise StatementError(f"base.json of {version.name} is torn", "`stemma fsck`") from error
