import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer
from stemma.errors import DataError
from stemma.files import write_json

TEXTS = [
    f"Scene {number}. The rain it raineth every day, and {number * 7919} drops fall on the heath; "
    "they'll fall upon the rest of us — naïve or wise, 日本語 или 🌧️🌧️.\n\n  \tExeunt\r\n"
    for number in range(60)
]
# Pieces at which the two implementations could cut or merge differently.
PIECES = st.sampled_from(
    [
        *("the rain ", "they'LL", "'s", "\u2019s", "\u017f", "12345", "٣٤٥", "<|endoftext|>"),
        *("  ", "\n\n", "\r\n", "\u00a0", "\u3000", "\u0085", "\u200b", "\x00", "…", "a" * 50),
        *("👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "日本", "ß", "İ"),
    ]
)


@pytest.fixture(scope="module", params=["gpt2", "gpt4"])
def folder(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    settings = BpeTokenizer(
        name="bpe",
        kind="bpe",
        vocab_size=400,
        min_frequency=2,
        pattern=request.param,
        special_tokens=("<|user|>",),
        sample_bytes=2**20,
    )
    make_tokenizer(settings, TEXTS, folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder) -> Encoder:
    encoder = Encoder(folder)
    assert encoder._fast is not None, "the fast encoder must take every tokenizer trained here"
    return encoder


def reference_ids(folder: Path, text: str) -> list[int]:
    reference = Tokenizer.from_file(str(folder / "tokenizer.json"))
    reference.encode_special_tokens = True
    return reference.encode(text, add_special_tokens=False).ids


@given(text=st.text() | st.lists(st.text(max_size=3) | PIECES).map("".join))
def test_ids_are_the_reference_ids(folder, encoder, text):
    assert encoder.encode_batch([text])[0].tolist() == reference_ids(folder, text)


@pytest.mark.parametrize(
    "text", ["x" * 20_000, "ab" * 9_999, " " * 9_999, "\n" * 9_999, "é" * 9_999]
)
def test_long_runs_have_the_reference_ids(folder, encoder, text):
    assert encoder.encode_batch([text])[0].tolist() == reference_ids(folder, text)


def test_characters_of_every_block_have_the_reference_ids(folder, encoder):
    codes = [*range(0x3100), *range(0x3100, 0xD800, 37), *range(0xE000, 0x110000, 211)]
    text = "".join(f"{chr(code)}a {chr(code)}1" for code in codes)
    assert encoder.encode_batch([text])[0].tolist() == reference_ids(folder, text)


def test_a_control_token_in_a_text_is_plain_characters(encoder):
    (ids,) = encoder.encode_batch(["a<|endoftext|>b<|user|>"])
    assert encoder.end_of_text == 0
    assert ids.min() > 1  # 0 and 1 are the control tokens
    assert len(ids) > 4


def test_a_text_with_a_character_treated_otherwise_goes_to_the_reference(folder):
    encoder = Encoder(folder)
    fast = encoder._fast
    assert fast is not None
    agrees = fast._agrees
    # No such character is known with the versions in use, so one is made up.
    fast._agrees = lambda text: "é" not in text and agrees(text)
    encoder.encode_batch(["née", "naïve"])
    assert "é" in fast._unlike
    assert "ï" in fast._alike
    assert encoder.encode_batch(["née"])[0].tolist() == reference_ids(folder, "née")


def test_reopening_changes_no_id(folder, encoder, monkeypatch):
    expected = encoder.encode_batch(TEXTS)
    monkeypatch.setattr("stemma.corpus.tokenizer.encoder._REOPEN_CHARACTERS", 100)
    for ids, other in zip(encoder.encode_batch(TEXTS), expected, strict=True):
        assert np.array_equal(ids, other)


def test_an_encoder_travels_to_another_process(encoder):
    copy = pickle.loads(pickle.dumps(encoder))
    assert copy.encode_batch(TEXTS[:1])[0].tolist() == encoder.encode_batch(TEXTS[:1])[0].tolist()
    assert len(pickle.dumps(encoder)) < 1000


def test_no_texts_and_empty_texts(encoder):
    assert encoder.encode_batch([]) == []
    assert [len(ids) for ids in encoder.encode_batch(["", "a", ""])] == [0, 1, 0]


def words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "rain": 1, "<|endoftext|>": 5}, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def lower_case(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Lowercase()
    return tokenizer


@pytest.mark.parametrize("kind", ["words", "lower case"])
def test_other_tokenizers_are_left_to_the_reference(folder, tmp_path, kind):
    tokenizer = words() if kind == "words" else lower_case(folder)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    write_json(tmp_path / "tokenizer_config.json", {"eos_token": "<|endoftext|>"})
    encoder = Encoder(tmp_path)
    assert encoder._fast is None
    (ids,) = encoder.encode_batch(["Rain rain"])
    assert ids.tolist() == reference_ids(tmp_path, "Rain rain")
    assert encoder.size == (6 if kind == "words" else 400)  # not the number of entries, if sparse


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tokenizer.json", "{", r"tokenizer\.json holds no tokenizer"),
        ("tokenizer.json", None, r"tokenizer\.json holds no tokenizer"),
        ("tokenizer_config.json", "{}", r"tokenizer_config\.json names no eos_token"),
        ("tokenizer_config.json", None, r"tokenizer_config\.json names no eos_token"),
        ("tokenizer_config.json", '{"eos_token": "</s>"}', "lacks the eos_token '</s>'"),
    ],
)
def test_a_broken_folder_is_named(folder, tmp_path, name, content, message):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        Encoder(tmp_path)
