import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from pointers import POINTER
from pydantic import TypeAdapter

from stemma.corpus.tokenizer.make import Encoder, make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer, PretrainedTokenizer, TokenizerSettings
from stemma.errors import DataError, SourceError

CONF = Path(__file__).parents[3] / "conf" / "tokenizer"
TEXTS = [
    f"Scene {number}. The rain it raineth every day, and {number * 7919} drops fall on the heath; "
    "they'll fall upon the rest of us, naïve or wise.\n" * (1 + number % 3)
    for number in range(60)
]


def bpe(**changes: object) -> BpeTokenizer:
    settings = OmegaConf.to_container(OmegaConf.load(CONF / "bpe.yaml"))
    return TypeAdapter(BpeTokenizer).validate_python(settings | {"vocab_size": 320} | changes)


def pretrained(path: Path | str, revision: str | None = None) -> PretrainedTokenizer:
    return PretrainedTokenizer(
        name="pretrained", kind="pretrained", path=str(path), revision=revision
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("choice", ["bpe", "pretrained"])
def test_shipped_settings_are_valid(choice):
    settings = OmegaConf.to_container(OmegaConf.load(CONF / f"{choice}.yaml"))
    checked = TypeAdapter(TokenizerSettings).validate_python(settings)
    assert checked.name == checked.kind == choice


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4"])
def test_plain_transformers_gives_the_same_ids(tmp_path, pattern):
    from transformers import AutoTokenizer

    make_tokenizer(bpe(pattern=pattern, special_tokens=["<|user|>"]), TEXTS, tmp_path)
    plain, encoder = AutoTokenizer.from_pretrained(tmp_path), Encoder(tmp_path)
    assert len(plain) == encoder.size == 320
    assert plain.eos_token_id == plain.bos_token_id == encoder.end_of_text
    for ids, expected in zip(encoder.encode_batch(TEXTS), plain(TEXTS).input_ids, strict=True):
        assert ids.tolist() == expected
        assert plain.decode(ids) in TEXTS


def test_training_depends_on_neither_process_threads_nor_order(tmp_path):
    script = (
        "import sys, json; from pathlib import Path\n"
        "from stemma.corpus.tokenizer.make import make_tokenizer\n"
        "from stemma.corpus.tokenizer.settings import BpeTokenizer\n"
        "settings, texts = json.loads(sys.stdin.read())\n"
        "make_tokenizer(BpeTokenizer(**settings), texts, Path(sys.argv[1]))"
    )
    settings = OmegaConf.to_container(OmegaConf.load(CONF / "bpe.yaml")) | {"vocab_size": 320}
    for name, threads, texts in [("one", "1", TEXTS), ("many", "4", TEXTS[::-1])]:
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / name)],
            input=json.dumps([settings, texts]),
            env=os.environ | {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads},
            text=True,
            check=True,
        )
    make_tokenizer(bpe(), TEXTS, tmp_path / "here")
    assert files(tmp_path / "one") == files(tmp_path / "many") == files(tmp_path / "here")


def test_a_large_corpus_is_sampled_whatever_its_order(tmp_path):
    # Each text has a letter of its own, so the entries learnt tell which texts were seen.
    texts = [letter * 100 for letter in "abcdefghijklmnopqrstuvwxyz"]
    settings = bpe(vocab_size=257 + 5, sample_bytes=500)
    make_tokenizer(settings, texts, tmp_path / "forth")
    make_tokenizer(settings, texts[::-1], tmp_path / "back")
    assert files(tmp_path / "forth") == files(tmp_path / "back")
    vocabulary = json.loads((tmp_path / "forth" / "tokenizer.json").read_text())["model"]["vocab"]
    learnt = {entry[0] for entry, index in vocabulary.items() if index >= 257}
    assert len(learnt) == 5
    assert learnt != set("abcde"), "a sample, not the beginning"


def test_runs_without_a_gap_are_learnt_from_in_pieces(tmp_path):
    # A megabyte without a space would otherwise be one word, of which every merge walks the whole.
    with pytest.raises(DataError, match="supports only") as caught:
        make_tokenizer(bpe(vocab_size=400), ["a" * 5000 + " " * 5000], tmp_path)
    # Entries of 2, 4, ... 256 letters and as many of spaces, beside <|endoftext|> and the bytes.
    assert caught.value.hint.endswith(f"={257 + 8 + 8}")


def test_a_vocabulary_beyond_the_text_names_the_size_that_fits(tmp_path):
    with pytest.raises(DataError, match=r"tokenizer\.vocab_size is 99999.*supports only") as caught:
        make_tokenizer(bpe(vocab_size=99_999), TEXTS, tmp_path)
    fitting = int(caught.value.hint.rpartition("tokenizer.vocab_size=")[2])
    make_tokenizer(bpe(vocab_size=fitting), TEXTS, tmp_path)
    assert Encoder(tmp_path).size == fitting


def test_a_vocabulary_without_room_for_the_bytes_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"tokenizer\.vocab_size is 257.*2 special tokens need 258"):
        make_tokenizer(bpe(vocab_size=257, special_tokens=["<|user|>"]), TEXTS, tmp_path)
    make_tokenizer(bpe(vocab_size=258, special_tokens=["<|user|>"]), TEXTS, tmp_path)


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose data/input/tokenizer holds a tokenizer; its root is the current folder."""
    monkeypatch.chdir(tmp_path)
    make_tokenizer(bpe(), TEXTS, Path("data/input/tokenizer"))
    return tmp_path


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("path", ["data/input/tokenizer", "data/input/tokenizer/tokenizer.json"])
def test_a_pretrained_tokenizer_keeps_its_ids(project, path):
    make_tokenizer(pretrained(path), [], project / "out")
    original, loaded = Encoder(Path("data/input/tokenizer")), Encoder(project / "out")
    assert loaded.end_of_text == original.end_of_text
    for one, other in zip(original.encode_batch(TEXTS), loaded.encode_batch(TEXTS), strict=True):
        assert np.array_equal(one, other)


def test_a_pretrained_tokenizer_saved_by_transformers_is_read(project):
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained("data/input/tokenizer").save_pretrained("data/input/saved")
    make_tokenizer(pretrained("data/input/saved"), [], project / "out")
    assert Encoder(project / "out").size == 320


def test_a_token_written_out_as_an_object_is_read(project):
    config = project / "data/input/tokenizer/tokenizer_config.json"
    edit(config, eos_token={"content": "<|endoftext|>", "lstrip": False})
    make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")
    assert Encoder(project / "out").end_of_text == 0


def test_a_pretrained_tokenizer_without_end_of_text_is_refused(project):
    config = project / "data/input/tokenizer/tokenizer_config.json"
    edit(config, eos_token="</s>")
    with pytest.raises(DataError, match=r"tokenizer/tokenizer\.json lacks.*'</s>'.*eos_token"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


def test_a_pretrained_tokenizer_that_draws_lots_is_refused(project):
    path = project / "data/input/tokenizer/tokenizer.json"
    edit(path, model=json.loads(path.read_text())["model"] | {"dropout": 0.1})
    with pytest.raises(DataError, match=r"tokenizer\.json has BPE dropout"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_torn_pretrained_tokenizer_is_named(project, name):
    path = project / "data/input/tokenizer" / name
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=f"data/input/tokenizer/{name} is no"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


def test_a_tokenizer_config_that_is_no_object_is_named(project):
    path = project / "data/input/tokenizer/tokenizer_config.json"
    path.write_text("[]")
    with pytest.raises(DataError, match=r"tokenizer_config\.json holds no JSON object"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")
    with pytest.raises(DataError, match=r"tokenizer_config\.json names no eos_token"):
        Encoder(path.parent)


def test_a_pretrained_tokenizer_that_is_not_there_is_named(project):
    with pytest.raises(DataError, match="data/input/none does not exist"):
        make_tokenizer(pretrained("data/input/none"), [], project / "out")


def test_a_pretrained_tokenizer_outside_the_inputs_is_refused(project):
    said = r"tokenizer\.path is .*x, which is not below data/input.*revision"
    for path in ("../x", "data/input/../x", "/x", "data/x"):
        with pytest.raises(SourceError, match=said):
            make_tokenizer(pretrained(path), [], project / "out")


def test_a_tokenizer_that_dvc_linked_into_its_cache_is_read(project):
    file = project / "data/input/tokenizer/tokenizer.json"
    (project / ".dvc/cache").mkdir(parents=True)
    file.rename(project / ".dvc/cache/ab")
    file.symlink_to(project / ".dvc/cache/ab")
    for path in ("data/input/tokenizer", "data/input/tokenizer/tokenizer.json", str(file)):
        make_tokenizer(pretrained(path), [], project / "out")


def test_a_tokenizer_behind_a_linked_folder_is_refused(project):
    (project / "data/input/link").symlink_to("tokenizer")
    for path in ("data/input/link", "data/input/link/tokenizer.json"):
        with pytest.raises(SourceError, match="data/input/link is a link to a folder"):
            make_tokenizer(pretrained(path), [], project / "out")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
def test_a_file_of_a_tokenizer_that_is_a_pointer_or_no_text_is_named(project, name):
    path = project / "data/input/tokenizer" / name
    path.write_bytes(POINTER)
    with pytest.raises(DataError, match=rf"{name} is a Git LFS pointer.*`git lfs pull`"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")
    path.write_bytes(b"\xff\xfe{\0}\0")
    with pytest.raises(DataError, match=f"data/input/tokenizer/{name} is no"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


@pytest.mark.parametrize(
    "change",
    [
        {"eos_token": 3},
        {"bos_token": ["<s>"]},
        {"pad_token": {"lstrip": False}},
        {"unk_token": {"content": 0}},
        {"chat_template": {"default": "x"}},
        {"model_max_length": "long"},
    ],
)
def test_a_key_of_a_tokenizer_config_that_is_of_another_type_is_named(project, change):
    edit(project / "data/input/tokenizer/tokenizer_config.json", **change)
    (key,) = change
    with pytest.raises(DataError, match=f"tokenizer_config.json: '{key}' is (int|list|dict|str), "):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


@pytest.mark.parametrize("content", ["[]", "3", "null", "{}", '{"model": 3}', '"x"', "[" * 10**5])
def test_a_tokenizer_that_is_another_json_is_named(project, content):
    path = project / "data/input/tokenizer/tokenizer.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"tokenizer/tokenizer\.json is no tokenizer\.json"):
        make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")


def test_a_chat_template_beside_a_tokenizer_without_a_config_is_kept(project):
    folder = project / "data/input/tokenizer"
    (folder / "tokenizer_config.json").unlink()
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    make_tokenizer(pretrained("data/input/tokenizer"), [], project / "out")
    config = json.loads((project / "out/tokenizer_config.json").read_text())
    assert config["chat_template"] == "{{ messages }}"


def test_a_hub_that_cannot_be_reached_is_named(project, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=f"openai-community/gpt2 at {'0' * 40} cannot be fetched"):
        make_tokenizer(pretrained("openai-community/gpt2", "0" * 40), [], project / "out")
