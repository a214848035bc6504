"""Known changes to the documents, and exactly those are told."""

import random
from pathlib import Path
from typing import Any

import pytest
from prepared import SOURCE, row, write_manifest, write_raw

from stemma.errors import DataError
from stemma.pages.blocks import SideBySide, Table
from stemma.store.errors import MissingError
from stemma.store.naming import Folder
from stemma.store.version import Tree
from stemma.versions.differences.data import compare
from stemma.versions.differences.section import Alike, Section

WORDS = ["king", "queen", "night", "day", "sorrow", "love", "crown", "ghost", "garden", "song"]
KINDS = ("added", "removed", "renamed", "changed", "masked_otherwise", "moved", "alike", "sources")


def text_of(number: int) -> str:
    draw = random.Random(number)
    return " ".join(f"{draw.choice(WORDS)}{draw.randrange(50)}" for _ in range(120))


TEXTS = {f"doc-{number}": text_of(number) for number in range(30)}


def version(
    root: Path, texts: dict[str, str], rows: dict[str, dict[str, Any]] | None = None
) -> Tree:
    """Lay out a version of texts, some rows of its manifest changed."""
    write_raw(root, texts)
    changes = rows or {}
    write_manifest(root, [row(name, text, **changes.get(name, {})) for name, text in texts.items()])
    return Tree(root)


def told(tmp_path: Path, texts: dict[str, str], **rows: dict[str, Any]) -> Section:
    """Compare TEXTS with other texts; a row is changed by its number."""
    changes = {name.replace("_", "-"): change for name, change in rows.items()}
    found = compare(version(tmp_path / "a", TEXTS), version(tmp_path / "b", texts, changes))
    assert found is not None
    return found


def only(section: Section, *kinds: str) -> None:
    """Assert that of all kinds of change there are these."""
    assert {kind for kind in KINDS if section.facts.get(kind)} == set(kinds)


def test_the_same_documents_are_no_section(tmp_path: Path):
    assert compare(version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS)) is Alike.EQUAL


def test_other_tokens_of_the_same_documents_belong_to_the_tokenizer(tmp_path: Path):
    changes = {name: {"tokens": 7} for name in TEXTS}
    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS, changes)
    assert compare(one, other) is Alike.EQUAL


def test_the_order_of_documents_is_no_change(tmp_path: Path):
    turned = dict(reversed(TEXTS.items()))
    assert compare(version(tmp_path / "a", TEXTS), version(tmp_path / "b", turned)) is Alike.EQUAL


def test_a_version_without_documents_is_no_section(tmp_path: Path):
    assert compare(version(tmp_path / "a", TEXTS), Folder(tmp_path)) is Alike.ABSENT


def test_an_added_and_a_removed_document(tmp_path: Path):
    texts = {name: text for name, text in TEXTS.items() if name != "doc-3"} | {"new": text_of(99)}
    found = told(tmp_path, texts)
    only(found, "added", "removed")
    assert (found.facts["added"], found.facts["removed"]) == (["new"], ["doc-3"])
    assert found.words[0] == "Documents (30 → 30): 1 added, 1 removed."


def test_a_changed_document_stands_beside_what_it_was(tmp_path: Path):
    words = TEXTS["doc-5"].split()
    words[60] = "elsewhere"
    found = told(tmp_path, TEXTS | {"doc-5": " ".join(words)})
    only(found, "changed")
    (share,) = found.facts["changed"].values()
    assert 0.75 < share < 1
    (sides,) = [block for block in found.blocks if isinstance(block, SideBySide)]
    assert [cell.text for cell in sides.right if cell.tone] == ["elsewhere"]
    assert "".join(cell.text for cell in sides.left)[1:-1] in TEXTS["doc-5"]


def test_a_rewritten_document_is_unlike_what_it_was(tmp_path: Path):
    found = told(tmp_path, TEXTS | {"doc-5": text_of(500)})
    assert found.facts["changed"]["doc-5"] < 0.3


def test_a_document_under_another_id_is_renamed(tmp_path: Path):
    texts = {name if name != "doc-3" else "third": text for name, text in TEXTS.items()}
    found = told(tmp_path, texts)
    only(found, "renamed")
    assert found.facts["renamed"] == {"doc-3": "third"}


def test_one_text_that_comes_twice_is_renamed_once(tmp_path: Path):
    texts = {name: text for name, text in TEXTS.items() if name != "doc-3"}
    found = told(tmp_path, texts | {"one": TEXTS["doc-3"], "two": TEXTS["doc-3"]})
    assert found.facts["renamed"] == {"doc-3": "one"} and found.facts["added"] == ["two"]


def test_a_removed_document_is_found_again_in_an_added_one_that_is_much_like_it(tmp_path: Path):
    texts = {name: text for name, text in TEXTS.items() if name != "doc-3"}
    found = told(tmp_path, texts | {"third": f"{TEXTS['doc-3']} exeunt", "other": text_of(99)})
    (pair,) = found.facts["alike"]
    assert (pair["removed"], pair["added"]) == ("doc-3", "third") and pair["similarity"] > 0.9
    assert "1 removed document is much like an added one." in found.words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "test"}, "1 moved from train to test"),
        ({"reason": "quality.min_words"}, "1 now dropped from train (quality.min_words)"),
    ],
)
def test_what_became_of_a_document(tmp_path: Path, change: dict[str, Any], words: str):
    found = told(tmp_path, TEXTS, doc_7=change)
    only(found, "moved")
    assert words in found.words[0]
    assert found.facts["splits"]["train"]["a"]["documents"] == 30
    assert found.facts["splits"]["train"]["b"]["documents"] == 29


def test_a_document_that_is_dropped_for_another_reason(tmp_path: Path):
    one = version(tmp_path / "a", TEXTS, {"doc-7": {"reason": "empty"}})
    other = version(tmp_path / "b", TEXTS, {"doc-7": {"reason": "personal.card"}})
    found = compare(one, other)
    assert found and "1 dropped as personal.card, not empty" in found.words[0]


def test_other_masking_of_the_same_text(tmp_path: Path):
    found = told(tmp_path, TEXTS, doc_7={"bytes": 5})
    only(found, "masked_otherwise")
    assert found.facts["masked_otherwise"] == ["doc-7"]


def test_a_licence_that_changed_is_told_first(tmp_path: Path):
    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS | {"new": "x"})
    new = {**SOURCE, "name": "songs", "license": "CC0-1.0"}
    write_raw(tmp_path / "b", TEXTS, {**SOURCE, "license": "GPL-3.0"}, new)
    found = compare(one, other)
    assert found
    only(found, "added", "sources")
    assert found.words[:2] == (
        "The licence of plays changed: MIT → GPL-3.0.",
        "The source songs (CC0-1.0) is new.",
    )


def test_sources_alone_are_a_section(tmp_path: Path):
    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS)
    write_raw(tmp_path / "b", TEXTS, {**SOURCE, "version": "2"})
    found = compare(one, other)
    assert found and found.words == ("The source plays changed: version.",)


def test_languages_and_lengths_that_shift(tmp_path: Path):
    changes = {name: {"language": "de", "bytes": 9} for name in list(TEXTS)[:15]}
    found = told(tmp_path, TEXTS, **{name.replace("-", "_"): one for name, one in changes.items()})
    shift = found.facts["shift"]
    assert shift["languages"]["b"] == {"de": 15, "en": 15}
    assert shift["length"]["kolmogorov_smirnov"] == pytest.approx(0.5)
    assert any("50.0%" in words for words in found.words)


def test_a_small_shift_is_not_told_in_words(tmp_path: Path):
    texts = {f"doc-{number}": text_of(number % 30) for number in range(300)}
    one, other = version(tmp_path / "a", texts), version(tmp_path / "b", texts | {"new": "x y"})
    found = compare(one, other)
    assert found and not any("Length" in words or "Languages" in words for words in found.words)
    assert 0 < found.facts["shift"]["length"]["kolmogorov_smirnov"] < 0.01


def test_sums_that_only_the_tokenizer_changed_are_left_out(tmp_path: Path):
    changes = {name: {"tokens": 7} for name in TEXTS} | {"doc-7": {"split": "test", "tokens": 7}}
    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS, changes)
    found = compare(one, other)
    assert found and set(found.facts["splits"]) == {"train", "test"}
    assert found.facts["by_source"] == {}


def test_texts_that_are_gone_are_said_to_be_missing(tmp_path: Path, monkeypatch):
    class Gone(Tree):
        def path(self, output: str, file: str) -> Path:
            if output == "data/raw" and file.endswith(".parquet"):
                raise MissingError("data/raw of v1 is not in the cache")
            return super().path(output, file)

    version(tmp_path / "a", TEXTS)
    found = compare(Gone(tmp_path / "a"), version(tmp_path / "b", TEXTS | {"doc-5": "x y z"}))
    assert found
    only(found, "changed")
    assert "is not known: data/raw of v1 is not in the cache" in str(found.blocks)


def test_manifests_from_before_there_were_sketches(tmp_path: Path):
    import pyarrow.parquet as pq

    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS | {"doc-5": "x"})
    path = tmp_path / "a/data/prepared/manifest.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["sketch"]), path)
    found = compare(one, other)
    assert found and found.facts["changed"] == {"doc-5": None}
    assert any(
        isinstance(block, Table) and "not known" in str(block.rows) for block in found.blocks
    )


@pytest.mark.parametrize("file", ["prepared/manifest.parquet", "raw/sources.json"])
def test_a_torn_file_is_named(tmp_path: Path, file: str):
    one, other = version(tmp_path / "a", TEXTS), version(tmp_path / "b", TEXTS)
    (tmp_path / "b/data" / file).write_bytes(b"PAR1")
    with pytest.raises(DataError, match=f"data/{file} of the working tree cannot be read"):
        compare(one, other)
