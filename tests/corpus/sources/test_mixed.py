"""Several sources, one after the other."""

import dataclasses
import json
from pathlib import Path

import pytest

from stemma.closure import closure
from stemma.config import build
from stemma.corpus.sources import parts
from stemma.corpus.sources.settings import Columns
from stemma.errors import SettingsError, SourceError
from stemma.stages.ingest import IngestSettings

pytestmark = pytest.mark.usefixtures("project")
COLUMNS = dict.fromkeys(one.name for one in dataclasses.fields(Columns))


def part(*patterns, **columns):
    return {
        "name": "files", "kind": "files", "patterns": [*patterns], "license": "CC0-1.0",
        "columns": COLUMNS | {"text": "text"} | columns, "ignored_keys": [],
        "max_document_bytes": 1000,
    }  # fmt: skip


def put(name, *rows):
    path = Path("data/input") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def mixed(**wanted):
    raw = {"name": "mixed", "kind": "mixed", "parts": wanted}
    return build(IngestSettings, {"source": raw}, "params.yaml").source


def read(**wanted):
    return {one.name: [d.id for d in one.documents] for one in parts(mixed(**wanted))}


def test_each_part_is_read_with_its_own_columns():
    put("own.jsonl", {"text": "To be"}, {"text": "or not"})
    put("production/1/human-texts.jsonl", {"id": "production/a", "text": "that is"})
    found = read(own=part("**/*"), production=part("production/*/*-texts.jsonl", id="id"))
    assert found == {
        "own.jsonl": ["own.jsonl#1", "own.jsonl#2"],
        "production/1/human-texts.jsonl": ["production/a"],
    }


def test_what_is_of_production_is_meant_only_by_its_name():
    put("own.jsonl", {"text": "To be"})
    put("production/1/human-texts.jsonl", {"id": "production/a", "text": "that is"})
    assert [*read(own=part("**/*"))] == ["own.jsonl"]
    with pytest.raises(SourceError, match="matches no file"):
        read(own=part("*/*/*.jsonl"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "parts"),
        ({"a": {"kind": "mixed", "parts": {}}}, "kind"),
        ({"a": {"kind": "x"}}, "kind"),
    ],
)
def test_wrong_parts_are_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        mixed(**given)


def test_only_the_kinds_that_are_mixed_count_as_code():
    values = {"source": {"kind": "mixed", "parts": {"own": {"kind": "files"}}}}
    files = {Path(one).stem for one in closure("ingest", values)}
    assert {"mixed", "files"} <= files and not {"shakespeare", "hub"} & files
