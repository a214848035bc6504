"""An export says what its tokenizer says, also where the files of its base disagreed."""

from pathlib import Path

import pytest
import tiny

from stemma.config import build
from stemma.errors import ModelError
from stemma.files import read_json, write_json
from stemma.modeling.export.conventions import settle
from stemma.tasks.causal_lm import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    special = ("<|im_end|>", "<|pad|>")
    tiny.make_data(data, {"train": tiny.texts(0, 60)}, special_tokens=special)
    tiny.make_model(tmp_path / "model", data / "tokenizer")
    return tmp_path / "model"


def settled(folder: Path) -> tuple[dict, dict, dict]:
    settle(folder, build(Settings, {"name": "causal_lm"}, "test"))
    names = ("config.json", "generation_config.json", "tokenizer_config.json")
    config, generation, tokenizer = (read_json(folder / name) for name in names)
    return config, generation, tokenizer


def change(folder: Path, name: str, **changes: object) -> None:
    write_json(folder / name, read_json(folder / name) | changes)


@pytest.mark.parametrize(
    ("before", "after"), [(1, 0), (None, 0), ([1, 2], 0), ([1, 0], [1, 0]), (0, 0)]
)
def test_a_text_ends_where_the_tokenizer_says(folder: Path, before, after) -> None:
    change(folder, "config.json", eos_token_id=2, bos_token_id=2)
    change(folder, "generation_config.json", eos_token_id=before, bos_token_id=2)
    config, generation, _ = settled(folder)
    assert config["eos_token_id"] == generation["eos_token_id"] == after
    assert config["bos_token_id"] == generation["bos_token_id"] == 0


def test_a_padding_token_is_kept_and_else_it_is_the_end_of_text(folder: Path) -> None:
    config, generation, tokenizer = settled(folder)
    assert (tokenizer["pad_token"], generation["pad_token_id"]) == ("<|pad|>", 2)
    change(folder, "tokenizer_config.json", pad_token="of another vocabulary")
    config, generation, tokenizer = settled(folder)
    assert (tokenizer["pad_token"], generation["pad_token_id"]) == ("<|endoftext|>", 0)
    # Which stays trainable: some families take the row of config.json's for one of zeros.
    assert config.get("pad_token_id") is None


def test_a_length_is_that_of_the_model_or_less(folder: Path) -> None:
    change(folder, "tokenizer_config.json", model_max_length=10**30)
    _, generation, tokenizer = settled(folder)
    assert tokenizer["model_max_length"] == generation["max_length"] == tiny.CONTEXT
    change(folder, "tokenizer_config.json", model_max_length=20)
    _, generation, tokenizer = settled(folder)
    assert tokenizer["model_max_length"] == generation["max_length"] == 20


def test_of_a_long_context_a_pipeline_is_not_made_to_write_all(folder: Path) -> None:
    change(folder, "config.json", n_positions=8192)
    _, generation, tokenizer = settled(folder)
    assert tokenizer["model_max_length"] == 8192
    assert "max_length" not in generation


def test_a_torn_tokenizer_is_named(folder: Path) -> None:
    path = folder / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"tokenizer\.json holds no tokenizer"):
        settled(folder)
