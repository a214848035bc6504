import pytest

from stemma.corpus.documents import Document
from stemma.corpus.sources.intake import Intake
from stemma.corpus.sources.origin import Origin
from stemma.errors import SourceError


def part(*texts, name="a.jsonl", ids=None):
    ids = ids or [f"{name}#{number}" for number, _ in enumerate(texts, 1)]
    documents = (Document(i, t, name, "MIT") for i, t in zip(ids, texts, strict=True))
    return Origin(name, f"data/input/{name}", "1", "MIT", documents, lambda: "f" * 64)


def test_the_books_count_documents_and_bytes_of_each_part():
    intake = Intake([part("é", "xyz"), part(name="b.jsonl"), part("z", name="c.txt")])
    assert [document.text for document in intake] == ["é", "xyz", "z"]
    assert [(e["name"], e["documents"], e["bytes"]) for e in intake.entries] == [
        ("a.jsonl", 2, 5),
        ("b.jsonl", 0, 0),
        ("c.txt", 1, 1),
    ]
    assert intake.entries[0] == {
        "name": "a.jsonl",
        "origin": "data/input/a.jsonl",
        "version": "1",
        "sha256": "f" * 64,
        "license": "MIT",
        "documents": 2,
        "bytes": 5,
    }


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([part()], r"holds no document \(data/input/a.jsonl\)"),
        ([part("x", "y\0")], "data/input/a.jsonl: document 'a.jsonl#2' holds a NUL byte.*offset 1"),
        ([part("é\0")], "'a.jsonl#1' holds a NUL byte at offset 2"),
        ([part("ab\ud800")], "'a.jsonl#1' holds half a surrogate pair at character 2"),
        ([part("x", ids=["\ud800"])], "its id holds half a surrogate pair at character 0"),
        ([part("x", ids=["k"], name="caf\udce9")], "its source holds half a surrogate pair"),
        ([part("x", "y", ids=["k", "k"])], "data/input/a.jsonl: document 'k': this id has come"),
        ([part("x", ids=["k"]), part("y", name="b", ids=["k"])], "data/input/b: document 'k'"),
    ],
)
def test_what_is_no_document_is_refused(parts, message):
    with pytest.raises(SourceError, match=message):
        list(Intake(parts))
