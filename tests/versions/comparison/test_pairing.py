"""The examples of two versions are paired once, whoever asks."""

from pathlib import Path

import pytest
from measured import texts, version

from stemma.store.version import Version
from stemma.versions.comparison import pairs as pairing
from stemma.versions.comparison.pairs import Pairs
from stemma.versions.differences import behaviour, metrics
from stemma.versions.differences.section import Section


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Version, Version]]:
    """The versions that were paired."""
    found: list[tuple[Version, Version]] = []
    pair = pairing.pair

    def counted(a: Version, b: Version) -> Pairs | None:
        found.append((a, b))
        return pair(a, b)

    monkeypatch.setattr(pairing, "pair", counted)
    return found


def test_two_sections_pair_once(tmp_path: Path, asked: list[tuple[Version, Version]]):
    a, b = version(tmp_path / "a", texts()), version(tmp_path / "b", texts(seed=1))
    assert isinstance(metrics.compare(a, b), Section)
    assert isinstance(behaviour.compare(a, b), Section)
    assert asked == [(a, b)]


def test_other_versions_are_not_taken_for_these(
    tmp_path: Path, asked: list[tuple[Version, Version]]
):
    a, b, c = (version(tmp_path / name, texts(20 + seed)) for seed, name in enumerate("abc"))
    counts = [pairing.paired(one, other) for one, other in ((a, b), (b, c), (c, b))]
    assert [len(pairs.only_b) for pairs in counts if pairs] == [1, 1, 0]
    assert asked == [(a, b), (b, c), (c, b)]
