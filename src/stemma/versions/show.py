"""One page on the version in the working tree."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from stemma.composition import record_of
from stemma.config import read_params
from stemma.errors import ProjectError
from stemma.layout import METRICS, REPORTS, TRAINED
from stemma.modeling.observed import read as read_observed
from stemma.modeling.weights import read_object

SCORES = {
    "bits_per_byte": "bits per byte",
    "perplexity": "perplexity",
    "loss": "loss, nats",
    "top1_accuracy": "top-1 accuracy",
    "top5_accuracy": "top-5 accuracy",
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "entity_precision": "entity precision",
    "entity_recall": "entity recall",
    "entity_f1": "entity F1",
}
NEXT = """\
try one setting      dvc exp run -S train.steps=2600
try another recipe   dvc exp run -S experiment=gpt2_shakespeare
compare              dvc exp show --only-changed; dvc metrics diff; dvc plots show
keep this version    git add -A && git commit -m '…'
go back              git checkout <commit> && dvc checkout"""


def show(as_json: bool) -> None:
    """Print the scores beside the baselines, a sample, and what to try next.

    Raises:
        ProjectError: there is no version in the working tree.
    """
    if not METRICS.exists():
        raise ProjectError(f"{METRICS} does not exist", "type `make run` or `dvc repro`")
    version = _version()
    if as_json:
        print(json.dumps(version, indent=2))
        return
    console = Console(highlight=False)
    console.print(_headline(version))
    console.print(_table(version["metrics"]))
    if version["sample"]:
        console.print("\nA sample (more in reports/samples.md):", style="bold")
        console.print(version["sample"], markup=False, soft_wrap=True)
    console.print("\nNext:", style="bold")
    console.print(NEXT, markup=False, soft_wrap=True)


def _version() -> dict[str, Any]:
    facts = TRAINED / "training.json"
    return {
        "overrides": record_of(read_params()).get("overrides", []),
        "training": read_object(facts) if facts.exists() else None,
        "observed": read_observed(TRAINED),
        "metrics": read_object(METRICS, "evaluate", ("documents", "tokens")),
        "sample": _first_sample(),
    }


def _headline(version: dict[str, Any]) -> str:
    parts = []
    if training := version["training"]:
        settings, runtime = training["settings"], training["runtime"]
        parts.append(
            f"{settings['model']['name']}, {training['parameters']:,} parameters, "
            f"{training['tokens_seen']:,} tokens seen, "
            f"{runtime['precision']} on {runtime['device']}"
        )
    observed = version["observed"]
    if observed is None:
        parts.append("made elsewhere, or before: what it was made on is not known here")
    else:
        machine = [observed["processor"]["name"], *observed["gpus"]]
        parts.append(f"made on {', '.join(machine)}, torch {observed['libraries']['torch'][0]}")
    overrides = " ".join(version["overrides"])
    parts.append(f"conf/ with {overrides}" if overrides else "conf/ as it stands")
    return "\n".join(parts)


def _table(metrics: dict[str, Any]) -> Table:
    scored = metrics.get("baselines", {}).items()
    baselines = dict(sorted(scored, key=lambda item: -item[1].get("loss", 0.0)))
    table = Table(title=f"Test split: {metrics['documents']} documents, {metrics['tokens']} tokens")
    for column in ("", "model", "95 % interval", *baselines):
        table.add_column(column, justify="left" if not column else "right")
    for key, label in SCORES.items():
        if key not in metrics:
            continue
        low, high = metrics.get(f"{key}_low"), metrics.get(f"{key}_high")
        interval = f"{low:.3f} - {high:.3f}" if low is not None and high is not None else ""
        others = [_number(scores.get(key)) for scores in baselines.values()]
        table.add_row(label, _number(metrics.get(key)), interval, *others)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _first_sample() -> str:
    path = REPORTS / "samples.md"
    if not path.exists():
        return ""
    blocks = path.read_text(encoding="utf-8", errors="replace").split("```")
    return blocks[1].removeprefix("text").strip() if len(blocks) > 1 else ""
