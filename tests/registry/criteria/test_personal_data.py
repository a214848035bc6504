import shutil

import judged
import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from judged import said

from stemma.errors import SettingsError
from stemma.layout import PREPARED

KINDS = ["email", "phone", "ip", "card", "secret"]
PLAIN = tiny.texts(5, 40)


def gate(root, texts, kinds=KINDS, limit=0.0):
    judged.data(root, texts)
    return said(root, "personal_data", kinds=kinds, per_million_characters=limit)


def test_none_is_there(tmp_path):
    outcome = gate(tmp_path, PLAIN)
    assert outcome.passed
    assert outcome.facts["characters"] == sum(map(len, PLAIN))
    assert outcome.facts["documents"] == 40


def test_some_is_there(tmp_path):
    texts = [*PLAIN]
    texts[3] += "write to hal@example.org or ada@example.org"
    texts[9] += "call me on +49 30 901820"
    outcome = gate(tmp_path, texts)
    assert not outcome.passed
    assert outcome.facts["counts"] == {"email": 2, "phone": 1, "ip": 0, "card": 0, "secret": 0}
    assert "email 2, phone 1, ip 0" in outcome.evidence
    assert outcome.evidence.endswith("in train-3, train-9")
    assert outcome.facts["documents_with"] == 2
    # The evidence goes into a tag, which everyone reads.
    assert "hal@" not in str(outcome) and "901820" not in str(outcome)


def test_only_the_kinds_that_are_asked_count(tmp_path):
    texts = [*PLAIN, "write to hal@example.org"]
    assert gate(tmp_path, texts, ["phone", "card"]).passed


def test_a_kind_is_not_taken_for_another_that_is_asked(tmp_path):
    # A card's number has the shape of a telephone's.
    texts = [*PLAIN, "call: 4111 1111 1111 1111"]
    outcome = gate(tmp_path, texts, ["phone"])
    assert outcome.passed, outcome.evidence
    shutil.rmtree(tmp_path / PREPARED)
    assert gate(tmp_path, texts, ["card"]).facts["counts"] == {"card": 1}


def test_masks_are_no_personal_data(tmp_path):
    masks = " ".join(f"<{kind.upper()}>" for kind in KINDS)
    assert gate(tmp_path, [*PLAIN, f"call {masks} or write to {masks}"]).passed


def test_a_limit_above_zero(tmp_path):
    texts = [*PLAIN, "write to hal@example.org"]
    characters = sum(map(len, texts))
    assert gate(tmp_path, texts, limit=1.01e6 / characters).passed
    assert not said(
        tmp_path, "personal_data", kinds=KINDS, per_million_characters=0.99e6 / characters
    ).passed


def test_only_the_training_split_counts(tmp_path):
    tiny.make_data(tmp_path / PREPARED, {"train": PLAIN, "test": ["hal@example.org"]})
    assert said(tmp_path, "personal_data", kinds=KINDS, per_million_characters=0).passed


def test_a_kind_that_there_is_not(tmp_path):
    with pytest.raises(SettingsError, match="there are email, phone, ip, card, secret"):
        said(tmp_path, "personal_data", kinds=["name"], per_million_characters=0)


def test_a_manifest_of_other_data_cannot_be_told(tmp_path):
    judged.data(tmp_path, PLAIN)
    path = tmp_path / PREPARED / "manifest.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.filter(np.arange(len(rows)) != 5), path)
    outcome = said(tmp_path, "personal_data", kinds=KINDS, per_million_characters=10**6)
    assert not outcome.passed
    assert "there are 39 training documents, and the split has 40" in outcome.evidence


def test_without_data(tmp_path):
    outcome = said(tmp_path, "personal_data", kinds=KINDS, per_million_characters=10**6)
    assert not outcome.passed
    assert "has no data/prepared/manifest.parquet" in outcome.evidence
