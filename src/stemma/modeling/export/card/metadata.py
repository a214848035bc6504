"""The front matter of a model card: metadata in YAML that the Hugging Face Hub reads."""

from collections.abc import Mapping
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from stemma.modeling.export.card.facts import MOST_SOURCES, Facts
from stemma.modeling.export.origins import grouped

_HUB = "hf://datasets/"


def front_matter(facts: Facts) -> ModelCardData:
    """Return the metadata of a model card."""
    hub = [
        str(source["origin"]).removeprefix(_HUB)
        for source in facts.sources
        if str(source["origin"]).startswith(_HUB)
    ]
    names = ", ".join(str(source["name"]) for source in grouped(facts.sources)[:MOST_SOURCES])
    metrics, use = facts.metrics_in(facts.metrics), facts.use
    results = [
        EvalResult(
            task_type=use.pipeline,
            dataset_type=hub[0] if hub else "text",
            dataset_name=f"{names} (held-out documents)",
            dataset_split="test",
            metric_type=metric.hub,
            metric_name=metric.title,
            metric_value=facts.metrics[metric.name],
        )
        for metric in metrics
    ]
    return ModelCardData(
        language=list(facts.language),
        license=facts.license,
        library_name="transformers",
        pipeline_tag=use.pipeline,
        tags=[use.tag, str(facts.config["model_type"]), "stemma"],
        datasets=hub or None,
        metrics=sorted({metric.hub for metric in metrics}),
        model_name=facts.name,
        eval_results=results,
        **_base(facts.base, facts.beside),
    )


def _base(base: Mapping[str, Any], beside: bool) -> dict[str, Any]:
    """Return what the metadata says of the base; nothing if training started from scratch."""
    if base["kind"] is None:
        return {}
    told: dict[str, Any] = {
        "trained_from": {"origin": base["origin"], "revision": exact_version(base)}
    }
    parents = base.get("parents") or [base]
    ids = [one["id"] for one in parents if one.get("id")]
    if len(ids) == len(parents):  # the Hub takes only its own repositories for a base
        told["base_model"] = ids if len(ids) > 1 else ids[0]
        kind = "merge" if "parents" in base else "finetune"
        told["base_model_relation"] = "adapter" if beside else kind
    return told


def exact_version(base: Mapping[str, Any]) -> str:
    """Return what names the exact bytes of a base, given base.json and its own digest."""
    # A folder has no version but its content: base.json names the digest of each of its files.
    return str(base["version"] or f"sha256:{base['sha256']}")
