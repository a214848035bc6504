"""Somebody's repository: examples/finetune as it is, in Git and DVC, with a base and data."""

import json
import shutil
from pathlib import Path

import foreign
import tiny
import yaml
from project import ROOT, Project

EXAMPLE = ROOT / "examples/finetune"
SECRET = "the queen gave her sorrow to the night, and of the king she would never speak again"


def build(folder: Path) -> Project:
    """Commit two versions: the second learns longer, and from one document less."""
    project = foreign.new(folder)
    shutil.copytree(EXAMPLE, project.path, dirs_exist_ok=True)
    base(project.path / "models/base")
    texts = [*tiny.texts(0, 24), SECRET]
    write(project.path, "train", texts)
    write(project.path, "test", tiny.texts(1, 24))
    project.run("dvc add -q models/base data/train.jsonl data/test.jsonl")
    project.run("dvc repro -q")
    project.commit("one")
    change(project.path, num_train_epochs=4)
    write(project.path, "train", texts[:-1])
    project.run("dvc add -q data/train.jsonl")
    project.run("dvc repro -q")
    project.commit("two")
    return project


def base(folder: Path) -> None:
    """Write a small causal language model that has learnt nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    data = folder.parent / "data"
    tiny.make_data(data, {"train": tiny.texts(0, 60), "test": tiny.texts(1, 4)})
    shutil.copytree(data / "tokenizer", folder)
    shutil.rmtree(data)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=256,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


def write(root: Path, split: str, texts: list[str]) -> None:
    """Write a file of documents, as the example reads it."""
    rows = (json.dumps({"text": text}) + "\n" for text in texts)
    (root / "data").mkdir(exist_ok=True)
    (root / f"data/{split}.jsonl").write_text("".join(rows))


def change(root: Path, **train: float) -> None:
    """Change settings of the training."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["train"] |= train
    (root / "params.yaml").write_text(yaml.safe_dump(params))
