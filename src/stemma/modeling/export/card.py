"""The model card, in the Hugging Face Hub's format: YAML front matter and Markdown."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from stemma.modeling.export import card_base
from stemma.modeling.export.conventions import context_of
from stemma.modeling.export.origins import grouped
from stemma.modeling.export.tables import flat, table
from stemma.modeling.export.uses import Use, use_of
from stemma.modeling.metrics.names import ENDS, remarks

_HUB = "hf://datasets/"
_MOST_SOURCES = 30
# Keys of metrics.json, what the Hub calls the metric, and what people call it.
_METRICS = (
    ("bits_per_byte", "bits_per_byte", "Bits per byte"),
    ("perplexity", "perplexity", "Perplexity per token"),
    ("top1_accuracy", "accuracy", "Top-1 accuracy"),
    ("top5_accuracy", "accuracy", "Top-5 accuracy"),
    ("bleu", "bleu", "BLEU"),
    ("chrf", "chrf", "chrF"),
    ("rouge_l", "rouge", "ROUGE-L"),
    ("exact_match", "exact_match", "Exact match"),
    ("accuracy", "accuracy", "Accuracy"),
    ("macro_precision", "precision", "Macro precision"),
    ("macro_recall", "recall", "Macro recall"),
    ("macro_f1", "f1", "Macro F1"),
    ("entity_precision", "seqeval", "Entity precision"),
    ("entity_recall", "seqeval", "Entity recall"),
    ("entity_f1", "seqeval", "Entity F1"),
)

# What a card cannot do without.
CONFIG_KEYS = ("model_type", "vocab_size")
REPORT_KEYS = ("documents", "splits")
METRICS_KEYS = ("loss", "baselines", "documents", "tokens", "bytes")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the card tells, as the files of a version have it.

    Attributes:
        name: of the model.
        task: what it was trained to do, and is measured at.
        license: of the model, an identifier of the Hub.
        language: codes of ISO 639-1.
        dtype: of the weights.
        config: config.json.
        metrics: reports/metrics.json.
        sources: the entries of sources.json.
        report: data_report.json.
        training: training.json; empty where the model was not trained here.
        base: base.json, and its own digest under ``sha256``.
        beside: whether the model is an adapter that stands beside its base.
        formats: reports/formats.json.
    """

    name: str
    task: str
    license: str
    language: Sequence[str]
    dtype: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    sources: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any]
    training: Mapping[str, Any]
    base: Mapping[str, Any]
    beside: bool
    formats: Mapping[str, Mapping[str, Any]]


def _use(facts: Facts) -> Use:
    return use_of(facts.task, str((facts.config.get("architectures") or [""])[0]))


def _metrics(facts: Facts) -> list[tuple[str, str, str]]:
    return [metric for metric in _METRICS if metric[0] in facts.metrics]


def write_card(facts: Facts) -> str:
    """Return the README.md of a model repository."""
    sections = [
        f"---\n{_front_matter(facts).to_yaml()}\n---",
        f"# {facts.name}\n\n{_summary(facts)}",
        f"## How to load it\n\n{_loading(facts)}",
        f"## Evaluation\n\n{_evaluation(facts)}",
        *([f"## Other formats\n\n{_formats(facts)}"] if len(facts.formats) > 1 else []),
        f"## Data\n\n{_data(facts)}",
        f"## Training\n\n{_origin(facts)}{_training(facts.training)}",
        f"## Intended use and limits\n\n{_limits(facts)}",
        f"## Provenance\n\n{_PROVENANCE}",
    ]
    return "\n\n".join(sections) + "\n"


_LOADING = """\
```python
from transformers import {auto}, AutoTokenizer

model = {auto}.from_pretrained("models/exported")
{adapter}tokenizer = AutoTokenizer.from_pretrained("models/exported")
```

{put}"""

# An adapter needs PEFT, and its base under it.
_ADAPTER = 'model = PeftModel.from_pretrained(model, "models/exported/adapter")\n'

_FORMATS = {
    "bf16": "- `bf16`: every weight rounded to bfloat16; `from_pretrained` loads it.",
    "gguf": "- `gguf`: `model.gguf`, with its tokenizer, for llama.cpp and what is built on it.",
    "int8": (
        "- `int8`: `stemma.modeling.export.formats.int8.load(folder)` gives the model back; or\n"
        "  multiply each tensor with the one of its name and `_scale`."
    ),
    "onnx": "- `onnx`: `input_ids` and `attention_mask` in, `logits` out; in single precision.",
    "pruned": "- `pruned`: the smallest weights are zero; `from_pretrained` loads it.",
}

# Activations of GPT-2 that not every runtime looks at.
_FOREIGN = {
    "relu": "llama.cpp takes its ReLU for GELU and writes nonsense: use another runtime.",
    "relu2": (
        "llama.cpp takes its squared ReLU for GELU and writes nonsense, CTranslate2 refuses it:\n"
        "  use transformers, or ONNX."
    ),
}

_PROVENANCE = """\
This version is the Git commit whose `dvc.lock` lists this folder: it names every byte of the data,
the code and the settings that went in. `manifest.json` has the size and the SHA-256 of every other
file of it. `observed.json`, where it is here, is no part of the version: it says on what processor
and with what libraries the model was made."""


def _front_matter(facts: Facts) -> ModelCardData:
    hub = [
        str(source["origin"]).removeprefix(_HUB)
        for source in facts.sources
        if str(source["origin"]).startswith(_HUB)
    ]
    names = ", ".join(str(source["name"]) for source in grouped(facts.sources)[:_MOST_SOURCES])
    metrics, use = _metrics(facts), _use(facts)
    results = [
        EvalResult(
            task_type=use.pipeline,
            dataset_type=hub[0] if hub else "text",
            dataset_name=f"{names} (held-out documents)",
            dataset_split="test",
            metric_type=kind,
            metric_name=title,
            metric_value=facts.metrics[key],
        )
        for key, kind, title in metrics
    ]
    return ModelCardData(
        language=list(facts.language),
        license=facts.license,
        library_name="transformers",
        pipeline_tag=use.pipeline,
        tags=[use.tag, str(facts.config["model_type"]), "stemma"],
        datasets=hub or None,
        metrics=sorted({kind for _, kind, _ in metrics}),
        model_name=facts.name,
        eval_results=results,
        **card_base.metadata(facts.base, facts.beside),
    )


def _summary(facts: Facts) -> str:
    parameters = facts.training.get("parameters")
    size = f" with {parameters:,} parameters" if parameters else ""
    return (
        f"{_use(facts).what} ({facts.config['model_type']}){size} over a vocabulary of "
        f"{facts.config['vocab_size']:,} tokens; weights in {facts.dtype}."
    )


def _evaluation(facts: Facts) -> str:
    metrics, columns = facts.metrics, _metrics(facts)
    header = ["", *(title for _, _, title in columns)]
    baselines = sorted(metrics["baselines"].items(), key=lambda item: -item[1].get("loss", 0))
    models = [*baselines, ("**this model**", metrics)]
    rows = [[name, *(_with_interval(row, key) for key, _, _ in columns)] for name, row in models]
    size = f"{metrics['tokens']:,} tokens, {metrics['bytes']:,} bytes"
    ends = any(key.endswith(ENDS) for key in metrics)
    spread = ", with 95 % bootstrap\nintervals over documents" if ends else ""
    on = f"On {metrics['documents']:,} held-out documents ({size}){spread}."
    told = "\n".join([f"{on} {_use(facts).baselines}", *remarks(metrics)])
    return f"{told}\n\n{table(header, rows)}{_windows(facts)}"


def _windows(facts: Facts) -> str:
    windows = facts.metrics.get("windows")
    if windows is None:
        return ""
    context, stride = windows["context"], windows["stride"]
    told = (
        f"\n\nA document is read in windows of {context:,} tokens, each {stride:,} behind the one "
        f"before it, which count\nonce what they see for the first time."
    )
    if "rolling_bits_per_byte" not in windows:
        return told
    return (
        f"{told} It begins after an end-of-text token\n(id {windows['start']}), and its "
        "own end of text counts. lm-evaluation-harness (`loglikelihood_rolling`,\n"
        f"`max_length={context},prefix_token_id={windows['start']}`) reads windows side "
        "by side and no end of text, and finds\n"
        f"{windows['rolling_bits_per_byte']:.4g} bits per byte."
    )


def _formats(facts: Facts) -> str:
    metrics = [metric for metric in _METRICS if metric[0] in facts.formats["original"]]
    rows = [
        [f"`{name}`", f"{row['bytes']:,}", *(_with_interval(row, key) for key, _, _ in metrics)]
        for name, row in facts.formats.items()
    ]
    told = "\n".join(_FORMATS[name] for name in facts.formats if name in _FORMATS)
    header = ["format", "bytes", *(title for _, _, title in metrics)]
    return f"Each in the folder of its name, measured as above.\n\n{table(header, rows)}\n\n{told}"


def _with_interval(row: Mapping[str, float], key: str) -> str:
    if key not in row:  # a baseline without probabilities
        return "-"
    ends = [f"{row[key + end]:.4g}" for end in ENDS if key + end in row]
    return f"{row[key]:.4g}" + (f" ({' to '.join(ends)})" if ends else "")


def _data(facts: Facts) -> str:
    sources = grouped(facts.sources)
    shown = sources[:_MOST_SOURCES]
    header = ["source", "origin", "version", "licence", "documents", "bytes", "SHA-256"]
    rows = [
        [
            *(source[key] for key in ("name", "origin", "version", "license")),
            f"{source['documents']:,}",
            f"{source['bytes']:,}",
            f"`{source['sha256']}`" if source["sha256"] else "of each in `data/raw/sources.json`",
        ]
        for source in shown
    ]
    more = len(sources) - len(shown)
    rest = f"\n\nand {more:,} more, listed in `data/raw/sources.json`." if more else ""
    documents = facts.report["documents"]
    kept = f"Of {documents['raw']:,} documents {documents['kept']:,} were kept."
    header_of_splits = ["split", "documents", "tokens", "bytes"]
    splits = [
        [name, *(f"{sizes[key]:,}" for key in header_of_splits[1:])]
        for name, sizes in facts.report["splits"].items()
    ]
    return f"{table(header, rows)}{rest}\n\n{kept}\n\n{table(header_of_splits, splits)}"


def _loading(facts: Facts) -> str:
    use, adapter = _use(facts), _ADAPTER if facts.beside else ""
    code = _LOADING.format(auto=use.auto, adapter=adapter, put=use.put)
    if not facts.beside:
        return code
    return code.replace("from transf", "from peft import PeftModel\nfrom transf")


def _origin(facts: Facts) -> str:
    return card_base.sentence(facts.base, "base" in facts.metrics["baselines"])


def _training(training: Mapping[str, Any]) -> str:
    if not training:
        return "Not trained by the pipeline that exported it."
    rows = [
        [f"`{key}`", f"`{value}`"]
        for section, values in sorted(training["settings"].items())
        for key, value in flat(section, values)
    ]
    rows += [[f"`{key}`", f"`{value}`"] for key, value in flat("ran on", training["runtime"])]
    read = f"{training['steps']:,} steps over {training['tokens_seen']:,} tokens, settings:"
    return f"{read}\n\n{table(['setting', 'value'], rows)}"


def _limits(facts: Facts) -> str:
    context = context_of(facts.config)
    lines = [
        *_use(facts).limits,
        "The figures above hold for documents like those of its data, and say nothing of others.",
    ]
    if context:
        lines.append(f"It sees at most {context:,} tokens at a time.")
    if told := _FOREIGN.get(str(facts.config.get("activation_function"))):
        lines.append(told)
    return "\n".join(f"- {line}" for line in lines)
