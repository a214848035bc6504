import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny

from stemma.config import build
from stemma.corpus.packing import read_split
from stemma.errors import DataError, SettingsError
from stemma.files import read_json, sha256_of
from stemma.layout import METRICS, PREPARED, REPORTS, TRAINED
from stemma.stages.evaluate import EvaluateSettings, run
from stemma.tasks.masked_lm import Settings, mask_token
from stemma.tasks.masked_lm.training import MaskedBlocks

RUNTIME = {
    "name": "test",
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
    "instructions": "native",
    "deterministic": True,
    "seed": 1,
    "strict": False,
}
EVALUATE = {
    "name": "default",
    "context": None,
    "stride": 0.5,
    "batch_tokens": 200,
    "resamples": 200,
    "baseline_tokens": 10**6,
    "prompts": ["the king and<|mask|> queen", "the"],
    "sample_tokens": 8,
    "reference": {"requests": 20, "prompt_tokens": [4, 64], "answer_tokens": 6},
}
TASK = {"name": "masked_lm", "hidden": 0.15, "masked": 0.8, "random": 0.1}


def settings(**changes):
    raw = {"evaluate": {**EVALUATE, **changes}, "runtime": RUNTIME, "task": TASK}
    return build(EvaluateSettings, raw, "test")


@pytest.fixture
def here(tmp_path, monkeypatch):
    import torch
    from transformers import BertConfig, BertForMaskedLM

    monkeypatch.chdir(tmp_path)
    splits = {"train": tiny.texts(0, 60), "validation": tiny.texts(2, 9), "test": tiny.texts(1, 12)}
    tiny.make_data(PREPARED, splits, special_tokens=("<|mask|>",))
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=300, intermediate_size=32, max_position_embeddings=32, **shape)
    BertForMaskedLM(config).save_pretrained(TRAINED)
    shutil.copytree(PREPARED / "tokenizer", TRAINED, dirs_exist_ok=True)
    return tmp_path


def masked_blocks(seed=1, mask=1, **changes):
    import torch

    blocks = [{"input_ids": torch.arange(100, 200)} for _ in range(200)]
    return MaskedBlocks(blocks, Settings(**{**TASK, **changes}), mask, 1000, seed)


def test_a_fixed_share_is_hidden_and_the_labels_are_what_stood_there():
    kinds = np.zeros(3)
    for index in range(200):
        item = masked_blocks()[index]
        ids, labels = item["input_ids"].numpy(), item["labels"].numpy()
        hidden = labels >= 0
        assert hidden.sum() == 15
        assert (labels[hidden] == np.arange(100, 200)[hidden]).all()
        assert (ids[~hidden] == np.arange(100, 200)[~hidden]).all()
        kept = ids[hidden] == labels[hidden]
        kinds += [(ids[hidden] == 1).sum(), kept.sum(), (~kept & (ids[hidden] != 1)).sum()]
    assert kinds / kinds.sum() == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_the_seed_and_the_place_alone_decide_what_is_hidden():
    one, other = masked_blocks(), masked_blocks()
    assert all((one[i]["input_ids"] == other[i]["input_ids"]).all() for i in (7, 3, 7))
    assert (one[7]["labels"] != one[3]["labels"]).any()
    assert (one[7]["labels"] != masked_blocks(seed=2)[7]["labels"]).any()


def test_shares_of_more_than_the_whole():
    with pytest.raises(SettingsError, match=r"task\.masked 0\.8 and task\.random 0\.3 come to"):
        masked_blocks(random=0.3)


def test_every_token_is_hidden_once_and_counted_once(here):
    run(settings())
    found = read_json(METRICS)
    rows = pq.read_table(REPORTS / "examples.parquet")
    assert sum(rows["tokens"].to_pylist()) == len(read_split(PREPARED, "test").tokens)
    assert found["loss"] == pytest.approx(
        sum(rows["loss"].to_pylist()) / sum(rows["tokens"].to_pylist()), abs=1e-4
    )
    # Nothing but chance: each of 300 tokens as likely as the other.
    assert found["loss"] == pytest.approx(np.log(300), rel=0.03)
    assert found["baselines"]["unigram"]["loss"] < found["loss"]
    for name in ("loss", "top1_accuracy", "top5_accuracy"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


def test_the_model_cannot_see_what_it_is_to_fill_in(here):
    """A network that copies its input: its logits are high for the token that it reads."""
    import torch
    from transformers import BertForMaskedLM

    model = BertForMaskedLM.from_pretrained(TRAINED)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm.weight" not in name and "word_embeddings" not in name:
                weight.zero_()
        model.cls.predictions.transform.dense.weight.copy_(torch.eye(16))
    model.save_pretrained(TRAINED)
    run(settings())
    assert read_json(METRICS)["top1_accuracy"] < 0.2
    sample = (REPORTS / "samples.md").read_text()
    assert "```text\nthe king and<|mask|> queen\n" in sample, "it fills gaps with what it reads"


def test_two_runs_give_the_same_bytes(here):
    run(settings())
    first = {path: path.read_bytes() for path in REPORTS.rglob("*") if path.is_file()}
    shutil.rmtree(REPORTS)
    run(settings())
    assert {path: path.read_bytes() for path in REPORTS.rglob("*") if path.is_file()} == first


def test_a_tokenizer_without_a_mask_token(here):
    shutil.rmtree(PREPARED)
    tiny.make_data(PREPARED, {"train": tiny.texts(0, 60), "test": []})
    with pytest.raises(DataError, match=r"tokenizer_config\.json names no mask_token") as error:
        mask_token(PREPARED / "tokenizer")
    assert "tokenizer.special_tokens" in error.value.hint


def test_a_prompt_longer_than_the_context(here):
    with pytest.raises(SettingsError, match=r"evaluate\.prompts has \d+ tokens, .* sees only 32"):
        run(settings(prompts=["the king and queen " * 20]))


STAGES = ("ingest", "base", "prepare", "train", "evaluate", "export")
RECIPE = (
    *("source=files", "source.columns.id=name", "task=masked_lm", "tokenizer.vocab_size=400"),
    *("model=bert_nano", "model.layers=1", "model.heads=2", "model.width=16"),
    *("model.feed_forward=32", "model.context=32", "train.optimizer=adamw"),
)
MASK = 'tokenizer.special_tokens=["<|mask|>"]'


@pytest.fixture
def plays(stages, scenes):
    """Twenty scenes as the source; returns ``stages``."""
    with Path("data/input/scenes.jsonl").open("w") as file:
        for name, text in scenes[:20]:
            file.write(json.dumps({"name": name, "text": text[:2000]}) + "\n")
    return stages


def test_from_raw_documents_to_metrics_exact_twice(plays):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    plays(STAGES, *RECIPE, MASK)
    weights, metrics = TRAINED / "model.safetensors", METRICS.read_bytes()
    first = sha256_of(weights)
    plays(["train", "evaluate"], *RECIPE, MASK)
    assert sha256_of(weights) == first
    assert METRICS.read_bytes() == metrics
    tokenizer = AutoTokenizer.from_pretrained(TRAINED)
    assert tokenizer.mask_token == "<|mask|>"
    found = AutoModelForMaskedLM.from_pretrained(TRAINED)
    assert found.config.vocab_size == len(tokenizer) == 400


def test_training_without_a_mask_token_names_what_to_set(plays):
    with pytest.raises(DataError, match=r"tokenizer_config\.json names no mask_token") as error:
        plays(["ingest", "prepare", "train"], *RECIPE)
    assert "tokenizer.special_tokens" in error.value.hint


def test_documents_cannot_be_read_apart(plays):
    with pytest.raises(SettingsError, match=r"train\.across_documents is false"):
        plays(["ingest", "prepare", "train"], *RECIPE, MASK, "train.across_documents=false")
