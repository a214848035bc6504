"""Write the model card, in the Hugging Face Hub's format: YAML front matter and Markdown."""

from collections.abc import Mapping
from typing import Any

from stemma.modeling.export.card.evaluation import evaluation_section, formats_section
from stemma.modeling.export.card.facts import MOST_SOURCES, Facts
from stemma.modeling.export.card.metadata import exact_version, front_matter
from stemma.modeling.export.conventions import context_of
from stemma.modeling.export.origins import grouped
from stemma.modeling.export.tables import flat, table


def write_card(facts: Facts) -> str:
    """Return the README.md of a model repository."""
    sections = [
        f"---\n{front_matter(facts).to_yaml()}\n---",
        f"# {facts.name}\n\n{_summary(facts)}",
        f"## How to load it\n\n{_loading(facts)}",
        f"## Evaluation\n\n{evaluation_section(facts)}",
        *([f"## Other formats\n\n{formats_section(facts)}"] if len(facts.formats) > 1 else []),
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
file of it, and `bom.cdx.json` is its bill of materials (CycloneDX).
`observed.json`, where it is here, is no part of the version: it says on what processor and with
what libraries the model was made."""


def _summary(facts: Facts) -> str:
    parameters = facts.training.get("parameters")
    size = f" with {parameters:,} parameters" if parameters else ""
    return (
        f"{facts.use.what} ({facts.config['model_type']}){size} over a vocabulary of "
        f"{facts.config['vocab_size']:,} tokens; weights in {facts.dtype}."
    )


def _data(facts: Facts) -> str:
    sources = grouped(facts.sources)
    shown = sources[:MOST_SOURCES]
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
    use, adapter = facts.use, _ADAPTER if facts.beside else ""
    code = _LOADING.format(auto=use.auto, adapter=adapter, put=use.put)
    if not facts.beside:
        return code
    return code.replace("from transf", "from peft import PeftModel\nfrom transf")


def _origin(facts: Facts) -> str:
    base = facts.base
    if base["kind"] is None:
        return ""
    measured = "base" in facts.metrics["baselines"]
    told = ", whose metrics are under `base` above" if measured else ""
    verb = "Taken as it is from" if facts.training.get("steps") == 0 else "Trained from"
    origin = f"{verb} `{base['origin']} {exact_version(base)}` ({base['license']}){told}.\n\n"
    return f"{origin}{_merged(base)}"


def _merged(base: Mapping[str, Any]) -> str:
    if "parents" not in base:
        return ""
    models = [*base["parents"], *filter(None, [base["ancestor"]])]
    weights = [*(f"{weight:g}" for weight in base["weights"]), "ancestor"]
    rows = [
        [
            f"`{one['origin']}`",
            f"`{one['version']}`" if one["version"] else "",
            one["license"],
            told,
        ]
        for one, told in zip(models, weights, strict=False)
    ]
    density = f", density {base['density']:g}" if base["density"] else ""
    header = ["merged", "version", "licence", "weight"]
    return f"Merged by `{base['method']}`{density}:\n\n{table(header, rows)}\n\n"


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


def limits_of(facts: Facts) -> list[str]:
    """Return what to expect of the model and what not, a sentence each."""
    context = context_of(facts.config)
    lines = [
        *facts.use.limits,
        "The metrics above hold for documents like those of its data, and say nothing of others.",
    ]
    if context:
        lines.append(f"It sees at most {context:,} tokens at a time.")
    if told := _FOREIGN.get(str(facts.config.get("activation_function"))):
        lines.append(told)
    return lines


def _limits(facts: Facts) -> str:
    return "\n".join(f"- {line}" for line in limits_of(facts))
