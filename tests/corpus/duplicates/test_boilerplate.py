"""What many documents share is no sign of a copy, and copies are found all the same."""

import random

import pytest
from preparing import load, prepared, report_of, rows_of

from stemma.corpus import documents
from stemma.corpus.documents import Document, Part
from stemma.corpus.prepare import selection
from stemma.errors import DataError

WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "el", "ino", "ur", "o")]
IDEOGRAPHS = [chr(code) for code in range(0x4E00, 0x4E00 + 400)]
COUNT = 60


def words(seed, count, vocabulary=WORDS, gap=" "):
    return gap.join(random.Random(seed).choices(vocabulary, k=count))


def own(number, count=30):
    return words(f"own {number}", count)


def document(number, text, parts=()):
    return Document(f"doc-{number}", text, "source", "CC0-1.0", parts=parts)


def of_texts(make, count=COUNT):
    return [document(number, make(number)) for number in range(count)]


def conversation(number, system):
    parts = (Part("system", words(f"system {system}", 160)), Part("user", own(number, 12)))
    parts += (Part("assistant", own(f"answer {number}", 12)),)
    return document(number, "\n\n".join(part.text for part in parts), parts)


def licence(number):
    header = words(f"licence {number % 3}", 150)
    return f"{header}\n\n{own(number, 150)}"


SHARING = {
    "an instruction before": lambda: of_texts(lambda n: f"{words('before', 160)}: {own(n)}"),
    "an instruction after": lambda: of_texts(lambda n: f"{own(n)}. {words('after', 160)}"),
    "an instruction and a word": lambda: of_texts(lambda n: f"{words('x', 60)}: {n} {own(n, 2)}"),
    "worked examples around": lambda: of_texts(
        lambda n: f"{words('first', 90)}\n{own(n, 12)}\n{words('last', 90)}"
    ),
    "four instructions": lambda: of_texts(lambda n: f"{words(n % 4, 160)}: {own(n)}"),
    "three licences": lambda: of_texts(licence),
    "a Chinese instruction": lambda: of_texts(
        lambda n: words("zh", 160, IDEOGRAPHS, "") + "。" + words(n, 60, IDEOGRAPHS, "")
    ),
    "one system message": lambda: [conversation(n, 0) for n in range(COUNT)],
    "twenty system messages": lambda: [
        conversation(number, number % 20) for number in range(COUNT)
    ],
    "all but a few": lambda: of_texts(lambda n: f"{words('before', 160) * (n > 4)}: {own(n)}"),
}


@pytest.mark.parametrize("kind", list(SHARING))
def test_what_many_share_drops_no_document(tmp_path, kind):
    folder = prepared(tmp_path, SHARING[kind](), load())
    assert report_of(folder)["dropped"] == {}


def changed(text, seed, times=1):
    draw = random.Random(seed)
    made = text.split()
    for place in draw.sample(range(len(made)), times):
        made[place] = f"changed{seed}"
    return " ".join(made)


@pytest.mark.parametrize(
    "kind", ["an instruction before", "an instruction after", "worked examples around"]
)
def test_copies_among_documents_that_share_text_are_found(tmp_path, kind):
    made = SHARING[kind]()
    copies = [document(f"copy-{n}", f"{made[n].text} {words('end', 1)}") for n in range(12)]
    rows = {row["id"]: row for row in rows_of(prepared(tmp_path, [*made, *copies], load()))}
    for number in range(12):
        pair = [rows[f"doc-{number}"], rows[f"doc-copy-{number}"]]
        assert len({row["cluster"] for row in pair}) == 1
        assert sum(row["reason"] == "duplicates.near" for row in pair) == 1


def test_many_copies_of_one_text_are_found_though_many_documents_share_it(tmp_path):
    copies = of_texts(lambda n: changed(own("copied", 300), n), 30)
    rest = [document(f"other-{n}", own(n)) for n in range(50)]
    rows = rows_of(prepared(tmp_path, [*copies, *rest], load()))
    assert sum(row["reason"] == "duplicates.near" for row in rows) == 29


def test_nothing_is_shared_by_so_few(tmp_path):
    few = [document(f"few-{n}", f"{words('few', 160)}: {own(n)}") for n in range(6)]
    rest = [document(f"other-{n}", own(f"other {n}")) for n in range(50)]
    rows = rows_of(prepared(tmp_path, [*few, *rest], load()))
    reasons = {row["reason"] for row in rows if "few" in row["id"]}
    assert reasons & {"duplicates.near", "contaminated"}
    assert {row["reason"] for row in rows if "other" in row["id"]} == {None}


def test_null_counts_everything_and_what_stops_names_the_reasons(tmp_path):
    told = r"left is in validation; dropped: contaminated \d+, duplicates\.near \d+ \(raise prepare"
    with pytest.raises(DataError, match=told):
        prepared(tmp_path, SHARING["an instruction before"](), load(boilerplate=None))


def test_a_held_out_copy_behind_a_shared_instruction_is_contaminated(tmp_path):
    made = SHARING["an instruction before"]()
    settings = load(duplicates__near=None)
    rows = rows_of(prepared(tmp_path, made, settings, name="before"))
    held = next(row["id"] for row in rows if row["split"] == "test")
    tail = " ".join(next(one.text for one in made if one.id == held).split()[-30:])
    copies = [f"{words('before', 160)}: {own(f'copy {n}')} {tail}" for n in range(6)]
    both = [*made, *(document(f"copy-{n}", text) for n, text in enumerate(copies))]
    rows = {row["id"]: row for row in rows_of(prepared(tmp_path, both, settings, name="after"))}
    assert "train" in {rows[f"doc-copy-{n}"]["split"] for n in range(6)}
    assert rows[held]["reason"] == "contaminated"
    others = [row for name, row in rows.items() if name != held and "copy" not in name]
    assert {row["reason"] for row in others} == {None}


def test_order_and_shards_change_nothing_where_only_some_texts_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(selection, "SAMPLE", 25)
    made = SHARING["an instruction before"]()
    whole = rows_of(prepared(tmp_path, made, load(), name="whole"))
    monkeypatch.setattr(documents, "SHARD_DOCUMENTS", 7)
    monkeypatch.setattr(documents, "BATCH_DOCUMENTS", 3)
    shuffled = random.Random(0).sample(made, len(made))
    cut = {row["id"]: row for row in rows_of(prepared(tmp_path, shuffled, load(), name="cut"))}
    assert all(cut[row["id"]] == row for row in whole)
