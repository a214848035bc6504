"""Equal inputs with different answers are counted, and no coin is tossed over a label."""

import random

import pytest
from preparing import load, prepared, report_of, rows_of

from stemma.corpus.documents import Document, Part
from stemma.corpus.prepare.report import notes

WORDS = [f"{first}{second}" for first in "bdfgklmnprst" for second in ("a", "el", "ino", "ur", "o")]


def words(seed, count=14):
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def labelled(name, text, label):
    return Document(name, text, "source", "CC0-1.0", label=label)


def tagged(name, text, tag):
    parts = tuple(Part(tag if place == 0 else "O", word) for place, word in enumerate(text.split()))
    return Document(name, text, "source", "CC0-1.0", parts=parts)


def pair(name, source, target):
    parts = (Part("source", source), Part("target", target))
    return Document(name, f"{source}\n\n{target}", "source", "CC0-1.0", parts=parts)


def filler(make, labels, count=60):
    return [make(f"doc-{n}", words(n), labels[n % len(labels)]) for n in range(count)]


def of(folder):
    report = report_of(folder)
    return report["contradictions"], {row["id"]: row["reason"] for row in rows_of(folder)}, report


CONTRADICTING = {"inputs": 2, "documents": 5, "similar_documents": 0}
DROPPED = "duplicates.contradicting"


@pytest.mark.parametrize(
    ("task", "make", "labels"),
    [("classify", labelled, ("good", "bad")), ("tag", tagged, ("B-PER", "B-LOC"))],
)
def test_of_an_equal_text_with_two_labels_none_is_kept(tmp_path, task, make, labels):
    first, second = labels
    clash = [
        *(make(f"x{n}", words("x"), label) for n, label in enumerate((first, second, first))),
        *(make(f"y{n}", words("y"), label) for n, label in enumerate((second, first))),
    ]
    same = [make(f"z{n}", words("z"), first) for n in range(2)]
    folder = prepared(tmp_path, [*filler(make, labels), *clash, *same], load(task=task))
    figures, reasons, report = of(folder)
    assert figures == CONTRADICTING
    assert {reasons[one.id] for one in clash} == {DROPPED}
    assert sorted(map(str, (reasons["z0"], reasons["z1"]))) == ["None", "duplicates.exact"]
    assert any(line.startswith("5 documents contradict one another") for line in notes(report))


def test_with_keep_they_stay_and_are_counted(tmp_path):
    clash = [labelled(f"x{n}", words("x"), label) for n, label in enumerate(("good", "bad"))]
    documents = [*filler(labelled, ("good", "bad")), *clash]
    settings = load(task="classify", duplicates__exact="keep", duplicates__near="keep")
    figures, reasons, _ = of(prepared(tmp_path, documents, settings))
    assert figures["documents"] == 2 and set(reasons.values()) == {None}


def test_similar_texts_with_different_labels_are_counted(tmp_path):
    texts = [f"{words('x', 60)}", f"{words('x', 60).upper()}!"]
    clash = [
        labelled(f"x{n}", text, label)
        for n, (text, label) in enumerate(zip(texts, "ab", strict=True))
    ]
    documents = [*filler(labelled, ("a", "b")), *clash]
    figures, reasons, report = of(prepared(tmp_path, documents, load(task="classify")))
    assert figures == {"inputs": 0, "documents": 0, "similar_documents": 1}
    assert {reasons["x0"], reasons["x1"]} == {None, "duplicates.near"}
    assert any("another label than the similar one" in line for line in notes(report))


def test_a_source_with_several_targets_stays_and_is_counted(tmp_path):
    clash = [pair(f"x{n}", words("x", 6), words(f"target {n}", 20)) for n in range(3)]
    made = [pair(f"doc-{n}", words(n), words(f"to {n}")) for n in range(60)]
    figures, reasons, _ = of(prepared(tmp_path, [*made, *clash], load(task="seq2seq")))
    assert figures["inputs"] == 1 and figures["documents"] == 3
    assert {reasons[one.id] for one in clash} == {None}


def test_labels_that_a_task_does_not_learn_contradict_nothing(tmp_path):
    clash = [labelled(f"x{n}", words("x"), label) for n, label in enumerate(("good", "bad"))]
    documents = [*filler(labelled, ("good", "bad")), *clash]
    figures, reasons, _ = of(prepared(tmp_path, documents, load()))
    assert figures["documents"] == 0 and DROPPED not in reasons.values()


def test_order_changes_nothing(tmp_path):
    clash = [labelled(f"x{n}", words("x"), label) for n, label in enumerate(("good", "bad"))]
    documents = [*filler(labelled, ("good", "bad")), *clash]
    settings = load(task="classify")
    one = prepared(tmp_path, documents, settings, name="one")
    other = prepared(tmp_path, documents[::-1], settings, name="other")
    assert report_of(one) == report_of(other)
