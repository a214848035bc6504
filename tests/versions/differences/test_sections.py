"""Each section stands in a module of its name."""

import importlib

import pytest

from stemma.versions.differences import SECTIONS


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_called_like_its_module(name: str):
    module = importlib.import_module(f"stemma.versions.differences.{name}")
    assert name == module.NAME
    assert callable(module.compare)
