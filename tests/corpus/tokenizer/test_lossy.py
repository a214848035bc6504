"""What a tokenizer loses of the texts is counted in data_report.json."""

import numpy as np
import pytest
from documents import DOCUMENTS, TOKENS
from preparing import load, prepared, report_of, rows_of
from tiny import texts
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from stemma.corpus.documents import Document
from stemma.corpus.prepare.report import notes
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.files import write_json

END = "<|endoftext|>"


def words_only(vocabulary):
    """A tokenizer of whole words, which knows some of them."""
    entries = {word: index for index, word in enumerate((END, "<unk>", *vocabulary))}
    made = Tokenizer(models.WordLevel(entries, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def kept(tokenizer, folder):
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"eos_token": END})
    return Encoder(folder)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def brought(project, tokenizer, documents):
    kept(tokenizer, project / "data/input/words")
    path = {"name": "words", "kind": "pretrained", "path": "data/input/words", "revision": None}
    return prepared(project, documents, load(tokenizer=path, quality__min_words=None))


def corpus():
    return [
        Document(f"doc-{number}", text.strip(), "source", "CC0-1.0")
        for number, text in enumerate(texts(0, 60))
    ]


def test_unknown_tokens_and_texts_that_do_not_come_back_are_counted(project):
    known = ("the", "king", "and", "queen", "of", "love", "speak", "night", "sorrow")
    folder = brought(project, words_only(known), corpus())
    report, stay = report_of(folder), {row["id"]: row["split"] for row in rows_of(folder)}
    found = report["tokenizer"]
    for split in report["splits"]:
        texts_of = [one.text.split() for one in corpus() if stay[one.id] == split]
        expected = sum(text.count("là") + text.count("où") for text in texts_of)
        assert found["unknown"][split] == expected > 0
    assert all(
        found["unknown_share"][split] == found["unknown"][split] / sizes["tokens"] > 0
        for split, sizes in report["splits"].items()
    )
    assert 0 < found["not_restored"]["train"] <= report["splits"]["train"]["documents"]
    assert any("the tokenizer loses text" in line for line in notes(report))


def test_a_byte_level_tokenizer_loses_nothing(tmp_path):
    documents = [
        Document(one.id, f"  {one.text}\t中文\n\n😀 <|endoftext|> ", "source", "CC0-1.0")
        for one in corpus()
    ]
    report = report_of(prepared(tmp_path, documents, load()))
    none = dict.fromkeys(report["splits"], 0)
    assert report["tokenizer"] == {
        "unknown": none,
        "unknown_share": none,
        "not_restored": none,
    }
    assert not any("loses text" in line for line in notes(report))


@pytest.mark.parametrize("task", ["chat", "classify", "tag", "seq2seq"])
def test_tasks_that_put_tokens_of_their_own_lose_nothing_by_that(tmp_path, task):
    tokenizer = {"vocab_size": 264, "special_tokens": TOKENS.get(task, [])}
    settings = load(task=task, tokenizer=tokenizer, contamination__max_overlap=1)
    report = report_of(prepared(tmp_path, DOCUMENTS[task](), settings))
    assert set(report["tokenizer"]["not_restored"].values()) == {0}
    assert set(report["tokenizer"]["unknown"].values()) == {0}


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("The King", {"normalizer": normalizers.Lowercase()}),
        ("the  king", {}),
        ("the\nking", {}),
    ],
)
def test_what_does_not_come_back_is_seen(tmp_path, text, change):
    tokenizer = words_only(("the", "king"))
    for name, value in change.items():
        setattr(tokenizer, name, value)
    encoder = kept(tokenizer, tmp_path / "words")
    assert encoder.unknown == 1
    assert encoder.restores("the king", encoder.encode_batch(["the king"])[0])
    assert not encoder.restores(text, encoder.encode_batch([text])[0])


def test_unigrams_name_their_unknown_by_its_number(tmp_path):
    pieces = [(END, 0.0), ("<unk>", 0.0), ("▁the", -1.0), ("▁king", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    encoder = kept(tokenizer, tmp_path / "pieces")
    ids = encoder.encode_batch(["the king où"])[0]
    assert encoder.unknown == 1 and np.count_nonzero(ids == 1) > 0
    assert encoder.restores("the king", encoder.encode_batch(["the king"])[0])
    assert not encoder.restores("the king où", ids)
