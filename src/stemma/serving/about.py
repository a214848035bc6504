"""What is told of a version that is served: its card, its metrics, and where it comes from."""

from pathlib import Path
from typing import Any

import yaml

from stemma.modeling.metrics.names import names_of, remarks
from stemma.registry.models import Model
from stemma.store.declared import Declared
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.kept import Kept
from stemma.versions.contents.measured import (
    EXPORT_DIFFERS,
    METRICS_DIFFER,
    export_matches,
    metrics_match,
)
from stemma.versions.contents.metrics import metric, metric_values, read_metrics
from stemma.versions.facts import making
from stemma.versions.facts.lineage import standing
from stemma.versions.facts.registered import registered

CARD = "README.md"
_FENCE = "---\n"


def about(version: Version, model: Model, root: Path = Path()) -> dict[str, Any]:
    """Return what is told of a version; a key is None or empty where nothing is known.

    Of a folder that belongs to no repository there is what its own files tell.

    Args:
        version: what is served.
        model: which of its models.
        root: the project.

    Returns:
        ``name``, ``commit``, ``date``, ``author``, ``subject``; ``registered`` and ``parents`` as
        `stemma show --json` has them; ``card``, Markdown without its front matter; ``license``;
        ``metrics`` with ``counts``, ``rows`` (``name``, ``label``, ``better``, ``value``, ``low``,
        ``high``, ``baselines``) and ``remarks``; ``base``; ``data`` with ``sources``
        and ``splits``; ``training`` with ``parameters``, ``steps`` and ``tokens_seen``;
        ``warnings``, a sentence each; ``missing``, why a file could not be read, by its path.

    Raises:
        ProjectError: a file of it is torn.
        DataError: a manifest or a line of data/revoked.jsonl is torn.
    """
    kept = Kept(version)
    # All of a folder is its model.
    output = model.output if version.has_reports else version.declared.trained
    head, card = _parted(_text(version, output, CARD, kept.missing))
    facts = {
        # The place of a folder is nobody's business.
        "name": version.name if version.has_reports else model.name,
        "commit": version.commit, "card": card, "license": head.get("license"),
        "training": _only(
            kept.read(version.declared.trained, "training.json"),
            "parameters", "steps", "tokens_seen",
        ),
        **dict.fromkeys(("date", "author", "subject", "base", "data")),
        "registered": [], "parents": [], "warnings": [],
    }  # fmt: skip
    if version.has_reports:
        content = read_metrics(version)
        facts |= {
            **_standing(version, root),
            "metrics": content and _metrics(content, version.declared),
            "base": making.base(version, kept), "data": _data(version, kept),
        }  # fmt: skip
        facts["warnings"] += _warnings(version)
    else:
        facts["metrics"] = _of_card(head)
    return facts | {"missing": kept.missing}


def _standing(version: Version, root: Path) -> dict[str, Any]:
    found = standing(version, root)
    named = registered(version.commit, root) if version.commit else []
    warnings = [f"recalled: {one['recalled']}" for one in named if one["recalled"] is not None]
    if found["tainted"]:
        warnings.append("tainted: it learnt from what is revoked today")
    shown = ("date", "author", "subject", "parents")
    return {key: found.get(key) for key in shown} | {"registered": named, "warnings": warnings}


def _warnings(version: Version) -> list[str]:
    claims = {METRICS_DIFFER: metrics_match(version), EXPORT_DIFFERS: export_matches(version)}
    return [claim for claim, holds in claims.items() if holds is False]


def _metrics(content: dict[str, Any], declared: Declared) -> dict[str, Any]:
    has = {*names_of(content)}
    baselines = content.get("baselines") or {}
    rows = [
        {
            "name": name, "label": metric(name).label,
            "better": metric(name, declared.directions).better,
            "value": value, "low": content.get(f"{name}_low"), "high": content.get(f"{name}_high"),
            "baselines": {one: scores.get(name) for one, scores in baselines.items()},
        }
        for name, value in metric_values(content).items() if name in has
    ]  # fmt: skip
    counts = {key: content[key] for key in ("documents", "tokens", "bytes") if key in content}
    return {"counts": counts, "rows": rows, "remarks": [str(one) for one in remarks(content)]}


def _of_card(head: dict[str, Any]) -> dict[str, Any] | None:
    """Return the metrics that the front matter of a card claims, as the Hub has them."""
    rows = []
    for entry in _list(head.get("model-index")):
        for result in _list(entry.get("results")):
            for one in _list(result.get("metrics")):
                value = one.get("value")
                if isinstance(value, int | float):
                    label = str(one.get("name") or one.get("type"))
                    rows.append(
                        {"name": str(one.get("type")), "label": label, "better": None,
                         "value": value, "low": None, "high": None, "baselines": {}}
                    )  # fmt: skip
    return {"counts": {}, "rows": rows, "remarks": ["As its card claims."]} if rows else None


def _data(version: Version, kept: Kept) -> dict[str, Any] | None:
    found = making.data(version, kept)
    if found is None:
        return None
    return {"sources": found["sources"], "splits": (found["report"] or {}).get("splits", {})}


def _only(content: dict[str, Any] | None, *keys: str) -> dict[str, Any] | None:
    return None if content is None else {key: content.get(key) for key in keys}


def _list(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(version: Version, output: str, file: str, missing: dict[str, str]) -> str | None:
    try:
        raw = version.content(output, file)
    except MissingError as error:
        missing[f"{output}/{file}"] = str(error)
        return None
    return None if raw is None else raw.decode(errors="replace").replace("\r\n", "\n")


def _parted(card: str | None) -> tuple[dict[str, Any], str | None]:
    """Return the front matter of a card, {} if it has none that can be read, and the rest."""
    if card is None or not card.startswith(_FENCE):
        return {}, card
    front, fence, rest = card.removeprefix(_FENCE).partition(f"\n{_FENCE}")
    if not fence:
        return {}, card
    try:
        head = yaml.safe_load(front)
    except yaml.YAMLError:
        return {}, rest.strip()
    return head if isinstance(head, dict) else {}, rest.strip()
