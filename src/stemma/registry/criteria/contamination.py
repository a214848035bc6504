"""Few texts of test and validation, or parts of them, stand in the training split too."""

import json
from typing import Any

import pyarrow.compute as pc

from stemma.config import Share, settings
from stemma.corpus.split import SPLITS, TRAIN
from stemma.registry.case import Case, Outcome
from stemma.store.version import Version
from stemma.versions.contents.manifest import has_manifest, read

NAME = "contamination"
_REPORT = "data_report.json"


@settings
class Settings:
    """Of the gate; each limit holds for each split other than train."""

    overlap: Share
    """The largest share of n-grams that stand in the training split too."""
    duplicates: Share
    """The largest share of documents of which one in the training split is a near duplicate."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Compare the splits as `prepare` counted them, and as the manifest has them."""
    if not has_manifest(case.version):
        return Outcome(NAME, False, f"{case.version.name} has no manifest of its documents")
    overlap, size = _overlap(case.version)
    duplicates = _duplicates(case.version)
    told, passed = [], True
    for split in SPLITS:
        if split == TRAIN or split not in duplicates:
            continue
        shared, near = overlap.get(split), duplicates[split]
        passed &= shared is not None and shared <= settings.overlap and near <= settings.duplicates
        part = "not known" if shared is None else f"{shared:.2%}"
        told.append(f"{split}: {part} of {size}-grams, {near:.2%} of documents stand in train too")
    if not told:
        return Outcome(NAME, False, "there is no split but train")
    limits = f"at most {settings.overlap:.2%} and {settings.duplicates:.2%}"
    facts = {"overlap": overlap, "duplicates": duplicates}
    return Outcome(NAME, passed, f"{'; '.join(told)} ({limits})", facts)


def _overlap(version: Version) -> tuple[dict[str, float], int | None]:
    """Return the share of n-grams by split that stand in train too, and how long they are."""
    raw = version.content(version.declared.prepared, _REPORT)
    counted: dict[str, Any] = json.loads(raw or b"{}").get("contamination", {})
    shares = {
        split: facts["ngrams_in_train"] / max(1, facts["ngrams"])
        for split, facts in counted.items()
        if isinstance(facts, dict)
    }
    return shares, counted.get("ngram")


def _duplicates(version: Version) -> dict[str, float]:
    """Return the share of documents by split whose cluster has one in train too."""
    table = read(version, ["split", "cluster"], pc.field("split").is_valid())
    rows = list(zip(table["split"].to_pylist(), table["cluster"].to_pylist(), strict=True))
    trained = {cluster for split, cluster in rows if split == TRAIN}
    found: dict[str, float] = {}
    for split in dict.fromkeys(split for split, _ in rows):
        inside = [cluster in trained for other, cluster in rows if other == split]
        found[split] = sum(inside) / len(inside)
    found.pop(TRAIN, None)
    return found
