import hashlib
import random

import numpy as np
import pytest
from preparing import CONF, load, prepared, report_of, rows_of
from transformers import AutoTokenizer

from stemma.corpus import documents as shards
from stemma.corpus.documents import Document
from stemma.corpus.duplicates.minhash import similarity
from stemma.corpus.packing import read_split
from stemma.corpus.revoked import Revocation, Revoked
from stemma.corpus.sharding.pool import ProcessPool
from stemma.errors import DataError, SettingsError

SENTENCES = [
    "The {0} king of {1} said that he would have the crown of {2}.",
    "And {1} was with {0} in the garden of {2}, to be seen by all.",
    "{2} and {1}, have you seen the ghost that walks by {0}?",
    "It is the {1} who sings of {0} and not the {2}, believe me.",
]
NAMES = [
    "Avon",
    "Bosworth",
    "Cleopatra",
    "Duncan",
    "Elsinore",
    "Falstaff",
    "Gloucester",
    "Hermia",
    "Iago",
    "Juliet",
]


def text_of(number):
    """A short text of its own for every number."""
    draw = random.Random(number)
    lines = [draw.choice(SENTENCES).format(*draw.sample(NAMES, 3)) for _ in range(12)]
    return "\n".join(lines)


def document(name, text, group=""):
    return Document(name, text, "source", "CC0-1.0", group)


def corpus(count=40):
    return [
        document(f"doc-{number}", text_of(number), f"group-{number % 8}") for number in range(count)
    ]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD_DOCUMENTS", 8)
    monkeypatch.setattr(shards, "BATCH_DOCUMENTS", 3)


def test_manifest_arrays_and_report_tell_one_story(tmp_path, small_shards):
    documents = [*corpus(), document("empty", " \n"), document("again", text_of(0))]
    folder = prepared(tmp_path, documents, load())
    rows, report = rows_of(folder), report_of(folder)
    assert [row["id"] for row in rows] == [one.id for one in documents], "in raw order"
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    for split in ("train", "validation", "test"):
        packed = read_split(folder, split)
        kept = [row for row in rows if row["split"] == split]
        assert [row["tokens"] for row in kept] == (
            packed.offsets[1:] - packed.offsets[:-1]
        ).tolist()
        texts = {one.id: one.text for one in documents}
        for number, row in enumerate(kept):
            ids = packed.tokens[packed.offsets[number] : packed.offsets[number + 1]]
            assert ids[-1] == tokenizer.eos_token_id
            assert tokenizer.decode(ids[:-1]) == texts[row["id"]]
            assert row["bytes"] == len(texts[row["id"]].encode()) and row["reason"] is None
        figures = {"documents": len(kept), "tokens": len(packed.tokens)}
        assert figures.items() <= report["splits"][split].items()
    reasons = {row["id"]: row["reason"] for row in rows}
    assert reasons["empty"] == "empty"
    assert {reasons["again"], reasons["doc-0"]} == {None, "duplicates.exact"}
    assert all((row["split"] is None) == (row["reason"] is not None) for row in rows)
    assert report["documents"] == {"raw": 42, "dropped": 2, "kept": 40}
    assert report["dropped"] == {"empty": {"source": 1}, "duplicates.exact": {"source": 1}}
    assert report["duplicates"] == {"clusters": 1, "members": 2}


def test_any_number_of_workers_and_every_run_give_the_same_bytes(tmp_path, small_shards):
    documents = [*corpus(), *(document(f"copy-{n}", text_of(n) + "\nAmen.") for n in range(4))]
    serial = contents(prepared(tmp_path, documents, load(), name="serial"))
    pool = ProcessPool(3)
    assert contents(prepared(tmp_path, documents, load(), pool, "parallel")) == serial
    pool.close()


def test_shards_change_nothing_but_where_the_work_is_cut(tmp_path, monkeypatch):
    whole = contents(prepared(tmp_path, corpus(), load(), name="whole"))
    monkeypatch.setattr(shards, "SHARD_DOCUMENTS", 5)
    monkeypatch.setattr(shards, "BATCH_DOCUMENTS", 5)
    cut = contents(prepared(tmp_path, corpus(), load(), name="cut"))
    manifest = "manifest.parquet"
    assert whole.keys() == cut.keys()
    assert {name for name in whole if whole[name] != cut[name]} == {manifest}
    assert rows_of(tmp_path / "whole-prepared") == rows_of(tmp_path / "cut-prepared")


def test_documents_that_are_added_move_no_other(tmp_path):
    added = [document(f"new-{n}", text_of(n)) for n in range(60, 90)]
    added += [document(f"near-{n}", text_of(n) + "\nExeunt.") for n in range(10)]
    before = rows_of(prepared(tmp_path, corpus(), load(), name="before"))
    after = {
        row["id"]: row
        for row in rows_of(prepared(tmp_path, added + corpus(), load(), name="after"))
    }
    assert sum(after[row["id"]]["split"] is None for row in before) < len(before) / 2
    for row in before:
        assert after[row["id"]]["split"] in (row["split"], None)


def test_groups_are_held_out_whole(tmp_path):
    settings = load(split__unit="group", split__validation=0.25, split__test=0.25, split__salt="x2")
    rows = rows_of(prepared(tmp_path, corpus(), settings))
    for group in {row["group"] for row in rows}:
        assert len({row["split"] for row in rows if row["group"] == group} - {None}) == 1


def test_duplicates_that_are_kept_stay_on_one_side(tmp_path):
    near = [document(f"near-{n}", text_of(n) + "\nExeunt all.") for n in range(40)]
    settings = load(duplicates__near="keep", duplicates__exact="keep")
    rows = rows_of(prepared(tmp_path, [*corpus(), *near], settings))
    clusters = {}
    for row in rows:
        clusters.setdefault(row["cluster"], set()).add(row["split"])
    assert all(len(sides - {None}) == 1 for sides in clusters.values())
    assert {row["reason"] for row in rows} == {None, "duplicates.other_side"}


def test_personal_data_is_masked_in_the_tokens_and_moves_no_document(tmp_path):
    letters = [document(f"letter-{n}", f"{text_of(n)}\nn{n}@example.org") for n in range(40)]
    masked = prepared(tmp_path, letters, load(), name="masked")
    kept = prepared(tmp_path, letters, load(personal__email="keep"), name="kept")
    tokenizer = AutoTokenizer.from_pretrained(masked / "tokenizer")
    text = tokenizer.decode(read_split(masked, "train").tokens)
    assert "<EMAIL>" in text and "example.org" not in text
    assert report_of(masked)["personal_data_found"] == {"email": 40}
    assert [row["split"] for row in rows_of(masked)] == [row["split"] for row in rows_of(kept)]


def test_contaminated_documents_are_dropped_and_measured(tmp_path):
    # Half of every text also stands in eight others, without any two being near-duplicates.
    passages = [" ".join(f"passage{place}-{n}" for n in range(60)) for place in range(6)]
    documents = [
        document(one.id, f"{one.text}\n{passages[number % 6]}")
        for number, one in enumerate(corpus(54))
    ]
    settings = load(contamination__max_overlap=0.99, duplicates__near=None)
    figures = report_of(prepared(tmp_path, documents, settings))["contamination"]
    assert figures["test"]["documents_with_overlap"] == figures["test"]["documents"] > 0
    assert figures["test"]["ngrams_in_train"] >= 48 * figures["test"]["documents"]
    strict = load(contamination__max_overlap=0.1, duplicates__near=None)
    found = r"is in validation; dropped: contaminated \d+ .*contamination\.max_overlap"
    with pytest.raises(DataError, match=found):
        prepared(tmp_path, documents, strict, name="strict")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quality__min_words": 9999}, r"no document .* left.*: quality\.min_words 39, empty 1"),
        ({"language__allowed": ["de"]}, r"no document .* left.*: language\.allowed 39, empty 1"),
        (
            {"split__test": 0.0001},
            r"39 left is in test; dropped: empty 1 \(raise prepare\.split\.test from",
        ),
        ({"split__validation": 0.0001}, r"is in validation; .* \(raise prepare\.split\.validation"),
        ({"split__unit": "group", "split__test": 0.001}, r"prepare\.split\.unit=document"),
    ],
)
def test_refuses_with_the_setting_to_change(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        prepared(tmp_path, [*corpus(39), document("empty", "\ufeff\n")], load(**changes))


def test_refuses_a_language_that_is_none(tmp_path):
    with pytest.raises(SettingsError, match=r"prepare\.language\.allowed names 'en-GB'"):
        prepared(tmp_path, corpus(4), load(language__allowed=["en", "en-GB"]))


def test_a_document_of_one_line_of_many_megabytes(tmp_path):
    huge = document("huge", " ".join(f"word{n % 5000} and" for n in range(400_000)))
    settings = load(
        quality__max_top_2gram_characters=None, quality__max_duplicate_10gram_characters=None
    )
    rows = rows_of(prepared(tmp_path, [*corpus(), huge], settings))
    assert rows[-1]["bytes"] == len(huge.text) and rows[-1]["reason"] is None


@pytest.mark.parametrize("recipe", [path.stem for path in (CONF / "prepare").glob("*.yaml")])
def test_every_shipped_recipe_is_valid_and_says_its_name(recipe):
    assert load(recipe).prepare.name == recipe


def test_a_row_has_a_sketch_unless_cleaning_dropped_it(tmp_path, small_shards):
    near = text_of(0) + "\nExeunt."
    documents = [document("empty", " "), *corpus(), document("near", near)]
    rows = {row["id"]: row for row in rows_of(prepared(tmp_path, documents, load()))}
    assert rows.pop("empty")["sketch"] is None
    sketch = {name: np.frombuffer(row["sketch"], np.uint8) for name, row in rows.items()}
    assert similarity(sketch["near"], sketch["doc-0"]) > 0.85
    assert similarity(sketch["doc-1"], sketch["doc-0"]) < 0.7


def test_what_is_revoked_is_dropped_by_id_and_by_text(tmp_path, small_shards):
    documents = [*corpus(), document("copy", text_of(1))]
    key = hashlib.sha256(text_of(1).encode()).hexdigest()
    entries = [
        Revocation("doc-0", "0" * 64, "asked by its author"),
        Revocation("gone", key, "private"),
    ]
    folder = prepared(tmp_path, documents, load(), revoked=Revoked.of(entries))
    rows = {row["id"]: row for row in rows_of(folder)}
    reasons = {name: row["reason"] for name, row in rows.items() if row["reason"]}
    assert reasons == {
        "doc-0": "revoked: asked by its author",
        "doc-1": "revoked: private",
        "copy": "revoked: private",
    }
    assert rows["doc-0"]["sketch"] is None and rows["doc-0"]["split"] is None
    assert report_of(folder)["dropped"]["revoked: private"] == {"source": 2}
    pool = ProcessPool(2)
    again = prepared(tmp_path, documents, load(), pool, "again", Revoked.of(entries))
    pool.close()
    assert contents(again) == contents(folder)
