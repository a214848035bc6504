"""A text that does not come back from its tokens has no bits per byte; readers say why."""

import hashlib

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from stemma.modeling.evaluation.restoring import Restorer
from stemma.modeling.metrics.names import remarks
from stemma.pages.version_tables import metrics

TEXT = "The king, and the queen: speak  of love.\n\nNight \N{EM DASH} l\u00e0 o\u00f9!"
PLAIN = "the king and the queen speak of love"


def trained(model: str, vocabulary: str = TEXT, **parts: object) -> Tokenizer:
    """A tokenizer of a kind, that has seen a text."""
    kinds = {
        "words": (models.WordLevel, trainers.WordLevelTrainer),
        "pieces": (models.WordPiece, trainers.WordPieceTrainer),
    }
    kind, trainer = kinds[model]
    made = Tokenizer(kind(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    for name, part in parts.items():
        setattr(made, name, part)
    made.train_from_iterator([vocabulary] * 9, trainer(special_tokens=["<unk>", "</s>"]))
    return made


def bytes_of(**parts: object) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    for name, part in parts.items():
        setattr(made, name, part)
    trainer = trainers.BpeTrainer(special_tokens=["</s>"], initial_alphabet=alphabet)
    made.train_from_iterator([TEXT], trainer)
    return made


KINDS = {
    "bytes": (bytes_of, True, True),
    "words": (lambda: trained("words"), False, True),
    "words that do not know one": (
        lambda: trained("words", "the king speak of love"),
        False,
        False,
    ),
    "pieces in lower case": (
        lambda: trained("pieces", normalizer=normalizers.Lowercase()),
        False,
        True,
    ),
    "bytes in lower case": (lambda: bytes_of(normalizer=normalizers.Lowercase()), False, True),
    "bytes without accents": (
        lambda: bytes_of(
            normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])
        ),
        False,
        True,
    ),
}


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    make, *told = KINDS[request.param]
    tokenizer = make()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tokenizer, Restorer(tmp_path), *told


def test_a_document_comes_back_by_its_hash(kind):
    tokenizer, restorer, *told = kind
    for text, comes_back in zip((TEXT, PLAIN), told, strict=True):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        digest = hashlib.sha256(text.encode()).hexdigest()
        assert restorer.is_text(ids, len(text.encode()), digest) == comes_back


def test_of_a_masked_document_and_of_an_answer_the_tokens_must_tell(kind):
    tokenizer, restorer, comes_back, _ = kind
    ids = tokenizer.encode(TEXT, add_special_tokens=False).ids
    # Tokens do not tell of accents that are gone; the size does.
    accents = "StripAccents" in tokenizer.to_str()
    assert restorer.is_exact(ids) == (comes_back or accents)
    assert restorer.is_text(ids, len(TEXT.encode()), "of before") == comes_back
    assert not restorer.is_text(ids, 1, "of before")


def test_a_control_token_that_a_text_spells_comes_back(tmp_path):
    tokenizer = bytes_of()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    ids = tokenizer.encode("the </s> king", add_special_tokens=False).ids
    assert Restorer(tmp_path).is_exact(ids)


def test_readers_say_why():
    few = {"documents": 1, "tokens": 9, "bytes": 20, "loss": 1.0}
    assert remarks(few) == ["No intervals: they take 6 documents or more."]
    lost = {**few, "documents": 34, "not_restored": 30}
    assert remarks(lost)[0].startswith("No bits per byte: of 30 of the 34 the text does not come")
    assert remarks({"loss": 1.0}) == remarks({**few, "documents": 6}) == []
    assert any(
        "No bits per byte" in str(part) for part in metrics(lost, {"loss": "loss"}).renderables
    )
