"""A torn or wrong file of a model is told in a line; no memory, and no bug, is put down to it."""

import json
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.errors import DataError, ModelError
from stemma.modeling.weights.load import load_saved
from stemma.modeling.weights.torn import reading


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2)).save_pretrained(
        tmp_path
    )
    return tmp_path


def configure(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def cut(folder: Path, size: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])


WRONG = {
    "no header": lambda folder: cut(folder, 7),
    "half a header": lambda folder: cut(folder, 100),
    "half the weights": lambda folder: cut(folder, 10_000),
    "other sizes": lambda folder: configure(folder, n_embd=32),
    "no heads": lambda folder: configure(folder, n_head=0),
    "a word for a number": lambda folder: configure(folder, n_layer="many"),
    "an activation that is none": lambda folder: configure(folder, activation_function="x"),
    "a type that is none": lambda folder: configure(folder, model_type=[]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_is_torn_or_wrong(saved: Path, wrong: str) -> None:
    load_saved(saved)
    WRONG[wrong](saved)
    with pytest.raises(ModelError, match=f"{saved} cannot be loaded: "):
        load_saved(saved)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        OSError(12, "Cannot allocate memory"),
    ],
)
def test_no_memory_is_not_put_down_to_the_files(
    saved: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(GPT2LMHeadModel, "from_pretrained", fail)
    with pytest.raises(MemoryError):
        load_saved(saved)


@pytest.mark.parametrize("bug", [NameError, AttributeError, NotImplementedError, RecursionError])
def test_a_bug_comes_out_as_it_is(bug: type[Exception]) -> None:
    with pytest.raises(bug), reading("model"):
        raise bug("ours")


def test_a_torn_tokenizer_is_told_and_a_bug_is_not_hidden(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    for text in ("", "{", "[]", '{"model": {}}'):
        path.write_text(text)
        with pytest.raises(DataError, match=r"it is torn: ."):
            read_tokenizer(path, DataError, "it is torn")
    with pytest.raises(DataError, match="No such file"):
        read_tokenizer(tmp_path / "none.json", DataError, "it is torn")
    with pytest.raises(AttributeError):
        _read_broken(path)


def _read_broken(path: Path) -> None:
    class Broken(type(path)):
        def __str__(self) -> str:
            raise AttributeError("ours")

    read_tokenizer(Broken(path), DataError, "it is torn")
