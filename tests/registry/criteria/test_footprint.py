from pathlib import Path

import judged
import pytest
import tiny
from judged import said
from project import once

from stemma.errors import SettingsError
from stemma.layout import EXPORTED

NONE = dict.fromkeys(("megabytes", "first_token_ms", "token_ms", "memory_megabytes"))
AMPLE = {"first_token_ms": 1e5, "token_ms": 1e5, "memory_megabytes": 1e5}


def make(folder: Path) -> None:
    tiny.make_model(folder / EXPORTED, judged.data(folder, tiny.texts(5, 20)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    return once(tmp_path_factory, "footprint", make)


def footprint(root: Path, prompt_tokens: int = 8, **limits: float):
    return said(root, "footprint", prompt_tokens=prompt_tokens, **NONE | limits)


def test_an_export_within_its_limits(exported):
    outcome = footprint(exported, megabytes=10, **AMPLE)
    assert outcome.passed, outcome.evidence
    size = sum(path.stat().st_size for path in (exported / EXPORTED).iterdir()) / 1e6
    assert outcome.facts["megabytes"] == size
    # torch alone takes more; the times of a model of two layers are no larger.
    assert 50 < outcome.facts["memory_megabytes"] < 5000
    assert 0 < outcome.facts["first_token_ms"] < 1e4
    assert outcome.facts["processor"] in outcome.evidence
    assert f"with {outcome.facts['threads']} thread" in outcome.evidence


def test_an_export_beyond_a_limit(exported):
    outcome = footprint(exported, first_token_ms=1e-3, memory_megabytes=1)
    assert not outcome.passed
    assert "at most 0.001 is asked" in outcome.evidence
    assert outcome.facts["memory_megabytes"] > 1
    assert "megabytes" not in outcome.facts and "token_ms" not in outcome.facts


def test_what_has_no_limit_is_not_measured(exported, monkeypatch):
    monkeypatch.setattr("stemma.registry.criteria.footprint.subprocess", None)
    outcome = footprint(exported, megabytes=0.01)
    assert not outcome.passed
    assert outcome.evidence.endswith("MB, at most 0.01 is asked")
    with pytest.raises(SettingsError, match="all of its limits are null"):
        footprint(exported)


def test_a_model_that_does_not_write(tmp_path):
    judged.untrained(tmp_path, "BertForMaskedLM")
    outcome = footprint(tmp_path, first_token_ms=1e5, token_ms=1e-9)
    assert outcome.passed, outcome.evidence
    assert "each further token: it does not apply to BertForMaskedLM" in outcome.evidence


def test_a_torn_export_cannot_be_told(tmp_path):
    make(tmp_path)
    weights = tmp_path / EXPORTED / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    outcome = footprint(tmp_path, memory_megabytes=1e5)
    assert not outcome.passed
    assert "cannot be loaded and asked in a process of its own" in outcome.evidence
    assert "incomplete" in outcome.evidence.lower() or "safetensor" in outcome.evidence.lower()


def test_a_prompt_that_is_too_long(exported):
    outcome = footprint(exported, prompt_tokens=30, token_ms=1e5)
    assert not outcome.passed
    assert "takes 45 tokens, and the model sees 32" in outcome.evidence
