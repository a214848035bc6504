"""The sections of a model card that show metrics: evaluation, and the formats compared."""

from collections.abc import Mapping

from stemma.modeling.export.card.facts import Facts
from stemma.modeling.export.tables import table
from stemma.modeling.metrics.names import ENDS, remarks

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


def evaluation_section(facts: Facts) -> str:
    """Return how the model and its baselines did on the test split."""
    metrics, columns = facts.metrics, facts.metrics_in(facts.metrics)
    header = ["", *(metric.title for metric in columns)]
    baselines = sorted(metrics["baselines"].items(), key=lambda item: -item[1].get("loss", 0))
    models = [*baselines, ("**this model**", metrics)]
    rows = [
        [name, *(_with_interval(row, metric.name) for metric in columns)] for name, row in models
    ]
    size = f"{metrics['tokens']:,} tokens, {metrics['bytes']:,} bytes"
    ends = any(key.endswith(ENDS) for key in metrics)
    spread = ", with 95 % bootstrap\nintervals over documents" if ends else ""
    on = f"On {metrics['documents']:,} held-out documents ({size}){spread}."
    told = "\n".join([f"{on} {facts.use.baselines}", *remarks(metrics)])
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


def formats_section(facts: Facts) -> str:
    """Return how the model did in each format that it was written in."""
    metrics = facts.metrics_in(facts.formats["original"])
    rows = [
        [
            f"`{name}`",
            f"{row['bytes']:,}",
            *(_with_interval(row, metric.name) for metric in metrics),
        ]
        for name, row in facts.formats.items()
    ]
    told = "\n".join(_FORMATS[name] for name in facts.formats if name in _FORMATS)
    header = ["format", "bytes", *(metric.title for metric in metrics)]
    return f"Each in the folder of its name, measured as above.\n\n{table(header, rows)}\n\n{told}"


def _with_interval(row: Mapping[str, float], key: str) -> str:
    if key not in row:  # a baseline without probabilities
        return "-"
    ends = [f"{row[key + end]:.4g}" for end in ENDS if key + end in row]
    return f"{row[key]:.4g}" + (f" ({' to '.join(ends)})" if ends else "")
