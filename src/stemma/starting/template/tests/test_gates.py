"""The gates of this project."""

from types import SimpleNamespace

import pytest
from my_project.gates import enough_documents


@pytest.mark.parametrize(("found", "passes"), [(20, True), (19, False)])
def test_enough_documents(found, passes):
    passed, evidence = enough_documents(SimpleNamespace(metrics={"documents": found}), least=20)
    assert passed is passes and f"on {found} documents" in evidence
