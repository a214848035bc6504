"""A word of which the tokenizer leaves nothing goes with its tag."""

from pathlib import Path

import numpy as np
import pytest
import tiny
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from stemma.corpus.cleaning.normalise import normalise
from stemma.corpus.documents import Part
from stemma.corpus.task import IGNORED, Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.files import write_json
from stemma.tasks.tag import Settings
from stemma.tasks.tag.encoding import Encoding

NAMES = ["GHOST", "O", "PER"]
# Taken away by cleaning: zero-width space, byte order mark, soft hyphen, controls; white space.
GHOSTS = ["", " ", "\u200b", "\ufeff", "\xad", "\x01\x1f", "\x80\u2060", "\u3000"]
# By the tokenizer alone: a variation selector, joiners, marks of direction.
KEPT_BY_CLEANING = ["\ufe0f", "\u200d", "\u200e\u200f"]


@pytest.fixture(scope="module", params=["bytes", "characters"])
def encoder(request, tmp_path_factory) -> Encoder:
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "bytes":
        tiny.make_data(root, {"train": tiny.texts(0, 60)})
        return Encoder(root / "tokenizer")
    return Encoder(without_marks(root))


def without_marks(folder: Path) -> Path:
    """A tokenizer that takes away what cannot be seen, as BERT's does with controls."""
    made = Tokenizer(models.WordPiece(unk_token="<unk>"))
    made.normalizer = normalizers.Sequence(
        [normalizers.Replace(one, "") for one in "\ufe0f\u200d\u200e\u200f"]
    )
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(special_tokens=["<unk>", "<|endoftext|>"])
    made.train_from_iterator(tiny.texts(0, 60), trainer)
    made.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"eos_token": "<|endoftext|>"})
    return folder


def encode(encoder: Encoder, *words: tuple[str, str]) -> Encoded | str:
    parts = tuple(Part(tag, normalise(word)) for word, tag in words)
    task = Encoding(Settings(name="tag", max_tokens=100, too_long="refuse"))
    (made,) = task.encode([Example("d", "", "", parts)], encoder, NAMES)
    return made


SEEN = [("king", "PER"), ("and", "O"), ("queen", "PER")]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("ghost", GHOSTS, ids=ascii)
def test_a_word_of_nothing_goes_with_its_tag(encoder, ghost, place):
    words = [*SEEN[:place], (ghost, "GHOST"), *SEEN[place:]]
    made, without = encode(encoder, *words), encode(encoder, *SEEN)
    assert made.ids.tolist() == without.ids.tolist()
    assert made.labels.tolist() == without.labels.tolist()
    assert made.labels[0] == IGNORED


@pytest.mark.parametrize("ghost", KEPT_BY_CLEANING, ids=ascii)
def test_a_tag_never_lands_on_another_words_token(encoder, ghost):
    for place in range(4):
        made = encode(encoder, *SEEN[:place], (ghost, "GHOST"), *SEEN[place:])
        tags = [NAMES[label] for label in made.labels[made.labels != IGNORED]]
        # Of bytes it has tokens of its own.
        there = encoder.encode_batch([ghost])[0].size > 0
        expected = [tag for _, tag in SEEN]
        assert tags == ([*expected[:place], "GHOST", *expected[place:]] if there else expected)
        assert made.labels[0] == IGNORED


def test_a_document_of_nothing_else_is_dropped(encoder):
    assert encode(encoder, ("\u200b", "O"), ("\ufeff", "PER")) == "empty"


def test_no_tag_is_named_that_only_such_words_have():
    task = Encoding(Settings(name="tag", max_tokens=100, too_long="refuse"))
    parts = (Part("GHOST", ""), Part("O", "king"))
    assert set(task.names(Example("d", "", "", parts))) == {"O"}


def test_every_word_that_is_seen_has_one_tag(encoder):
    made = encode(encoder, *SEEN)
    assert np.flatnonzero(made.labels != IGNORED).size == len(SEEN)
