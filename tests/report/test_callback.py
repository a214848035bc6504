"""StemmaCallback in a real Trainer: other heads, a resumed run, an evaluation without training."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForQuestionAnswering,
    LlamaForSequenceClassification,
    LlamaForTokenClassification,
    Trainer,
    TrainingArguments,
)

from stemma.errors import ModelError
from stemma.report import StemmaCallback

CONFIG = {
    "vocab_size": 20, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 16, "num_labels": 3, "pad_token_id": 0,
}  # fmt: skip


def rows(label: Any) -> list[dict[str, Any]]:
    random = torch.Generator().manual_seed(0)
    tokens = [torch.randint(1, 20, (8,), generator=random).tolist() for _ in range(12)]
    return [{"input_ids": one, "attention_mask": [1] * 8, "labels": label(one)} for one in tokens]


def trainer(kind: Any, folder: Path, label: Any, **args: Any) -> Trainer:
    torch.manual_seed(0)
    return Trainer(
        model=kind(LlamaConfig(**CONFIG)),
        args=TrainingArguments(
            str(folder / "runs"), report_to="none", use_cpu=True, max_steps=4, logging_steps=1,
            per_device_train_batch_size=2, disable_tqdm=True,
            **{"save_strategy": "no", "eval_strategy": "steps", "eval_steps": 2} | args,
        ),
        train_dataset=rows(label), eval_dataset=rows(label),
        callbacks=[StemmaCallback(folder / "reports")],
    )  # fmt: skip


def of(folder: Path) -> tuple[dict[str, float], dict[str, list[Any]]]:
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    return metrics, pq.read_table(folder / "reports/examples.parquet").to_pydict()


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (LlamaForCausalLM, list),
        (LlamaForTokenClassification, lambda tokens: [one % 3 for one in tokens]),
        (LlamaForSequenceClassification, lambda tokens: tokens[0] % 3),
    ],
)
def test_the_mean_of_the_examples_is_what_the_trainer_measures(
    tmp_path: Path, kind: Any, label: Any
):
    trainer(kind, tmp_path, label).train()
    metrics, examples = of(tmp_path)
    # All examples have as many labels, so that the mean over tokens is the mean over examples.
    mean = sum(examples["loss"]) / len(examples["loss"])
    assert mean == pytest.approx(metrics["eval_loss"], rel=1e-4)
    assert 0 <= min(examples["accuracy"]) <= max(examples["accuracy"]) <= 1
    assert len(set(examples["id"])) == 12


def test_a_resumed_run_writes_the_same(tmp_path: Path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    saving = {"save_strategy": "steps", "save_steps": 2}
    trainer(LlamaForCausalLM, whole, list, **saving).train()
    trainer(LlamaForCausalLM, parts, list, **saving).train()
    for file in ("metrics.json", "examples.parquet", "curves/train.csv", "curves/eval.csv"):
        (parts / "reports" / file).unlink()
    trainer(LlamaForCausalLM, parts, list, **saving).train(
        resume_from_checkpoint=str(parts / "runs/checkpoint-2")
    )
    for file in ("examples.parquet", "curves/train.csv", "curves/eval.csv"):
        one, other = (folder / "reports" / file for folder in (whole, parts))
        assert one.read_bytes() == other.read_bytes(), file


def test_the_best_weights_have_their_metrics(tmp_path: Path):
    run = trainer(
        LlamaForCausalLM, tmp_path, list, load_best_model_at_end=True, save_strategy="steps",
        save_steps=1, eval_steps=1, learning_rate=0.05, metric_for_best_model="eval_loss",
        greater_is_better=True,
    )  # fmt: skip
    run.train()
    metrics, examples = of(tmp_path)
    losses = [one["eval_loss"] for one in run.state.log_history if "eval_loss" in one]
    assert metrics["eval_loss"] == max(losses) != losses[-1]
    assert sum(examples["loss"]) / 12 == pytest.approx(metrics["eval_loss"], rel=1e-4)


def test_an_evaluation_alone(tmp_path: Path):
    trainer(LlamaForCausalLM, tmp_path, list).evaluate()
    metrics, examples = of(tmp_path)
    assert set(metrics) == {"eval_loss"}
    assert len(examples["id"]) == 12


def test_a_head_that_is_not_known(tmp_path: Path):
    run = trainer(LlamaForQuestionAnswering, tmp_path, list)
    run.callback_handler.eval_dataloader = run.get_eval_dataloader()
    with pytest.raises(ModelError, match="of a LlamaForQuestionAnswering are not known"):
        run.callback_handler.on_train_end(run.args, run.state, run.control)
