"""Every task measures the formats of its model as it measures the model."""

import json
from pathlib import Path

import pytest
from documents import DOCUMENTS, TOKENS

from stemma.files import read_json
from stemma.layout import FORMATS, METRICS

STAGES = ("ingest", "base", "prepare", "train", "evaluate", "export")
RECIPE = (
    *("source=files", "tokenizer.vocab_size=270", "export=compressed"),
    *("prepare.quality.min_words=1", "prepare.duplicates.near=null"),
    *(
        "prepare.contamination.max_overlap=1",
        "prepare.quality.max_duplicate_10gram_characters=null",
    ),
    *("train.optimizer=adamw", 'evaluate.prompts=["the king"]'),
    *("model.layers=1", "model.heads=2", "model.width=16"),
)
OF_TASK = {
    "masked_lm": ("model=bert_nano", "model.context=64", "model.feed_forward=32"),
    "chat": ("model=gpt2_nano", "source.columns.text=null", "source.columns.messages=messages"),
    "seq2seq": (
        *("model=t5_nano", "model.feed_forward=32", "source.columns.target=target"),
        "export.formats=[bf16,int8,pruned]",  # ONNX is one graph, and this has two networks
    ),
    "classify": ("model=gpt2_nano", "source.columns.label=label"),
    "tag": (
        *("model=bert_nano", "model.feed_forward=32", "source.columns.text=null"),
        *("source.columns.words=words", "source.columns.tags=tags"),
    ),
}


def row(task: str, document) -> dict:
    parts = document.parts
    if task == "chat":
        return {"messages": [{"role": part.role, "content": part.text} for part in parts]}
    if task == "tag":
        return {"words": [part.text for part in parts], "tags": [part.role for part in parts]}
    if task == "seq2seq":
        return {"text": parts[0].text, "target": parts[1].text}
    return {"text": document.text, "label": document.label}


@pytest.mark.parametrize("task", OF_TASK)
def test_formats_stand_beside_the_original(stages, task):
    lines = (json.dumps(row(task, one)) + "\n" for one in DOCUMENTS[task]())
    Path("data/input/rows.jsonl").write_text("".join(lines))
    tokens = f"tokenizer.special_tokens={TOKENS.get(task, [])}"
    longest = () if task == "masked_lm" else ("task.max_tokens=64",)
    stages(STAGES, *RECIPE, f"task={task}", tokens, *longest, *OF_TASK[task])
    found, metrics = read_json(FORMATS), read_json(METRICS)
    whole = found.pop("original")
    names = {key for key in metrics if f"{key}_low" in metrics}
    assert {key: whole[key] for key in names} == {key: metrics[key] for key in names}
    for name, of_format in found.items():
        assert {*of_format["change"]} == names
        if name != "pruned":
            assert of_format["bytes"] != whole["bytes"]
            assert of_format["loss"] == pytest.approx(metrics["loss"], abs=0.01)
    assert {*found} >= {"bf16", "int8", "pruned"}
