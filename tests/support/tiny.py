"""A tiny project in the current folder: real tokenizer, real arrays, real GPT-2."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from stemma.corpus.packing import TokenWriter
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer
from stemma.files import write_json
from stemma.layout import BASE, PREPARED, RAW, TRAINED

HOUSE = Path(__file__).parents[2]
CONTEXT = 32
WORDS = ("the", "king", "and", "queen", "of", "love", "speak", "night", "sorrow", "là", "où")


def shipped(name: str, **changes: object) -> dict[str, object]:
    """Return a file of conf/, some keys changed."""
    return yaml.safe_load((HOUSE / f"conf/{name}.yaml").read_text()) | changes


def declare(**sections: object) -> None:
    """Write params.yaml, the shipped runtime in it, beside the environment that is declared."""
    shutil.copy(HOUSE / "environment.lock", "environment.lock")
    params = {"runtime": shipped("runtime/auto"), **sections}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def measuring() -> dict[str, object]:
    """Return the sections of params.yaml that say how a model of this project is measured."""
    short = {
        "batch_tokens": 200, "resamples": 200, "prompts": ["the king"], "sample_tokens": 8,
        "reference": {"requests": 20, "prompt_tokens": [4, 16], "answer_tokens": 8},
    }  # fmt: skip
    return {
        "task": shipped("task/causal_lm"),
        "evaluate": shipped("evaluate/default", **short),
        "runtime": shipped("runtime/auto", device="cpu", precision="fp32", threads=1),
    }


def texts(seed: int, documents: int) -> list[str]:
    random = np.random.default_rng(seed)
    sizes = random.integers(3, 60, documents)
    return [" ".join(random.choice(WORDS, size)) + "\n" for size in sizes]


def make_project(root: Path) -> None:
    splits = {"train": texts(0, 60), "test": texts(1, 12)}
    make_data(root / PREPARED, splits)
    write_json(_made(root / BASE) / "base.json", {"kind": None})
    make_model(root / TRAINED, root / PREPARED / "tokenizer")
    source = {"name": "words", "origin": "tests", "version": "1", "license": "CC0-1.0"}
    write_json(
        _made(root / RAW) / "sources.json",
        {"sources": [{**source, "sha256": "0" * 64, "documents": 73, "bytes": 1000}]},
    )
    sizes = {
        split: {"documents": len(made), "tokens": 9, "bytes": 9} for split, made in splits.items()
    }
    documents = {"raw": 73, "dropped": 1, "kept": 72}
    write_json(root / PREPARED / "data_report.json", {"documents": documents, "splits": sizes})


def make_data(
    folder: Path,
    splits: dict[str, list[str]],
    vocabulary: int = 300,
    special_tokens: tuple[str, ...] = (),
) -> None:
    bpe = BpeTokenizer(
        name="bpe",
        kind="bpe",
        vocab_size=vocabulary,
        min_frequency=1,
        pattern="gpt2",
        special_tokens=special_tokens,
        sample_bytes=10**6,
    )
    make_tokenizer(bpe, splits["train"], _made(folder) / "tokenizer")
    encoder = Encoder(folder / "tokenizer")
    rows: list[dict[str, object]] = [{"id": "dropped", "split": None, "bytes": 9, "sha256": ""}]
    for split, documents in splits.items():
        with TokenWriter(folder, split, encoder.size, encoder.end_of_text) as writer:
            writer.append(encoder.encode_batch(documents))
        rows += [
            {
                "id": f"{split}-{index}",
                "split": split,
                "bytes": len(text.encode()),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
            for index, text in enumerate(documents)
        ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")


def make_model(folder: Path, tokenizer: Path, vocabulary: int = 300) -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    for file in tokenizer.iterdir():
        shutil.copy(file, folder / file.name)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
