"""All that one page tells of a version, as `--json` prints it."""

from pathlib import Path
from typing import Any

from stemma.modeling import observed
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK
from stemma.store.naming import resolve
from stemma.store.version import Commit, Tree
from stemma.versions.contents.environment import packages
from stemma.versions.contents.kept import Kept, json_of
from stemma.versions.contents.measured import (
    EXPORT_DIFFERS,
    METRICS_DIFFER,
    REMEDY,
    export_matches,
    metrics_match,
)
from stemma.versions.contents.metrics import left_out, metric, metric_values, read_metrics
from stemma.versions.contents.samples import read_samples
from stemma.versions.facts import making
from stemma.versions.facts.lineage import ordered, standing
from stemma.versions.facts.location import whereabouts
from stemma.versions.facts.registered import registered

_TRAINING = ("settings", "runtime", "parameters", "tokens_seen")


def show(revision: str | None = None, root: Path = Path()) -> dict[str, Any]:
    """Return what is known of a version; a key is None or empty where it has nothing of it.

    Nothing is checked out. Small files that the cache lacks are fetched from the default remote;
    ``missing`` says why one cannot be read.

    Args:
        revision: a commit, tag, branch or experiment; None for the working tree.
        root: the project.

    Raises:
        ProjectError: it is no version, or a file of it is torn.
    """
    version = resolve(revision, root)
    if not isinstance(version, Commit | Tree):
        raise ProjectError(
            f"{version.name} is a model and no version", "give a commit, a tag or an experiment"
        )
    parts = version.declared
    stands = standing(version, root)
    kept = Kept(version)
    metrics = kept.asked(parts.metrics, lambda: read_metrics(version))
    if version.commit is None and metrics is None and parts.metrics in parts.in_git:
        raise ProjectError(f"{parts.metrics} does not exist", "type `make run` or `dvc repro`")
    if not version.is_version:
        hint = "it is no version; see `stemma log`"
        hint = hint if version.commit else "build it with `dvc repro`"
        raise ProjectError(f"{version.name} has no {LOCK}", hint)
    formats = version.read(parts.formats)
    return {
        "name": version.name,
        **stands,
        "training": kept.read(parts.trained, "training.json", *_TRAINING),
        # It does not travel with the version.
        "observed": observed.read(root / parts.trained) if version.commit is None else None,
        "settings": kept.asked("settings", lambda: making.settings(version)),
        "environment": packages(version),
        "data": making.data(version, kept),
        "base": making.base(version, kept),
        "metrics": metrics,
        "no_numbers": left_out(version, metrics),
        "metrics_match": metrics_match(version),
        "export_matches": export_matches(version),
        "formats": json_of(formats, f"{parts.formats} of {version.name}") if formats else None,
        "samples": read_samples(version),
        **whereabouts(ordered(version.lock.parts), version.commit, root),
        "missing": kept.missing,
        "registry": registered(version.commit, root) if version.commit else [],
    }


def labels(facts: dict[str, Any]) -> dict[str, str]:
    """Return what people call each metric of a version, in the order in which they are shown."""
    tables = [facts["metrics"] or {}, *(facts["formats"] or {}).values()]
    named = dict.fromkeys((name for table in tables for name in metric_values(table)), 0.0)
    return {name: metric(name).label for name in metric_values(named)}


def warnings(facts: dict[str, Any]) -> list[str]:
    """Return why the metrics or the export of a version do not speak for its weights."""
    claims = {"metrics_match": METRICS_DIFFER, "export_matches": EXPORT_DIFFERS}
    return [f"{claim} ({REMEDY})" for key, claim in claims.items() if facts[key] is False]
