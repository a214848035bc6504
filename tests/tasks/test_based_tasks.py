"""Tasks that go on from a base: with its head, or with a new one beside its layers."""

import json
from pathlib import Path

import based
import pytest
import torch
from documents import classified, paired
from safetensors import safe_open
from tiny import texts

from stemma.files import read_json
from stemma.layout import BASE, EXPORTED, METRICS, TRAINED
from stemma.modeling.weights.load import load_saved

STAGES = ("ingest", "base", "prepare", "train", "evaluate", "export")
RECIPE = (
    *(
        "source=files",
        'source.patterns=["*.jsonl"]',
        "model=path",
        "tokenizer=base",
        "task.max_tokens=64",
    ),
    *("prepare.quality.min_words=1", "prepare.duplicates.near=null"),
    *(
        "prepare.contamination.max_overlap=1",
        "prepare.quality.max_duplicate_10gram_characters=null",
    ),
    *("export.merge=true", 'evaluate.prompts=["the king"]'),
)
COLUMNS = {
    "classify": ("source.columns.label=label",),
    "chat": ("source.columns.text=null", "source.columns.messages=messages"),
}


def rows(task: str) -> list[dict]:
    if task == "classify":
        return [{"text": one.text, "label": one.label} for one in classified()]
    return [
        {"messages": [{"role": part.role, "content": part.text} for part in one.parts]}
        for one in paired("user", "assistant")
    ]


@pytest.mark.parametrize("way", ["full", "lora", "frozen"])
@pytest.mark.parametrize("task", COLUMNS)
def test_from_raw_documents_to_an_export(stages, task, way):
    based.make_llama(Path("data/input/model"), texts(0, 60))
    lines = (json.dumps(row) + "\n" for row in rows(task))
    Path("data/input/rows.jsonl").write_text("".join(lines))
    stages(STAGES, *RECIPE, f"task={task}", *COLUMNS[task], f"train={way}")
    # A base has no metrics for a head that it lacks.
    assert ("base" in read_json(METRICS)["baselines"]) == (task == "chat")
    card = (EXPORTED / "README.md").read_text()
    assert ("under `base` above" in card) == (task == "chat")
    assert ("n-gram" in card) == ("apply_chat_template" in card) == (task == "chat")
    trained, exported, ids = load_saved(TRAINED), load_saved(EXPORTED), torch.arange(20, 50)[None]
    assert type(exported).__name__.endswith(
        "ForSequenceClassification" if task == "classify" else "ForCausalLM"
    )
    with torch.inference_mode():
        assert torch.allclose(trained(ids).logits, exported(ids).logits, atol=1e-5)
    if way == "frozen":
        with safe_open(BASE / "model.layers.0.safetensors", "pt") as before:
            for name in before.keys():  # noqa: SIM118
                assert torch.equal(before.get_tensor(name).float(), trained.state_dict()[name])
