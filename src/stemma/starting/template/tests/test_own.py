"""The source, the family and the task of this project."""

import numpy as np
import pytest
from my_project.families import olmo
from my_project.sources import headings
from my_project.tasks.smooth.metrics import EASILY
from stemma.modeling.family import Tokens


def test_a_document_begins_at_a_heading(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    headings.INPUT.mkdir(parents=True)
    text = "# One\na\n## Two\nb\n### Three\nc\n"
    (headings.INPUT / "guide.md").write_text(text, encoding="utf-8")
    chosen = {"name": "headings", "kind": "my_project.sources.headings", "license": "MIT"}
    (origin,) = headings.parts(headings.Settings(**chosen, level=2))
    found = {document.id: document.text for document in origin.documents}
    assert found == {"guide.md#1": "# One\na\n", "guide.md#2": "## Two\nb\n### Three\nc\n"}


def test_a_model_is_built():
    auto = pytest.importorskip("transformers").AutoModelForCausalLM
    shape = {"layers": 1, "heads": 2, "width": 8, "feed_forward": 16, "context": 4}
    chosen = {"name": "olmo", "family": "my_project.families.olmo", "base": None}
    model = olmo.Settings(**chosen, **shape).build(auto, Tokens(size=10, end_of_text=0), {})
    assert model.num_parameters() == 10 * 8 + 4 * 8 * 8 + 3 * 8 * 16


def test_documents_below_two_bits_per_byte_are_easy():
    examples = {"loss": np.log(2) * np.array([19.0, 21.0]), "bytes": np.array([10, 10])}
    assert EASILY.values(EASILY.parts(examples).sum(axis=1)) == {"easy": 0.5}
