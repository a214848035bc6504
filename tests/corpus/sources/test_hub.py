import dataclasses
import hashlib
import json
import sys
from pathlib import Path

import pytest
from pointers import POINTER

from stemma.corpus.sources import parts
from stemma.corpus.sources.settings import Columns
from stemma.errors import SettingsError, SourceError

FOLDER = Path("data/input/stories")

pytestmark = pytest.mark.usefixtures("project")

NO_COLUMNS = dict.fromkeys(field.name for field in dataclasses.fields(Columns))


@pytest.fixture
def local(source):
    """Settings of a dataset saved below data/input, some keys changed."""
    FOLDER.mkdir()
    rows = [{"text": f"story {n}", "key": f"k{n}", "author": "A"} for n in range(5)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (FOLDER / "train.jsonl").write_text(lines)

    def make(**changed):
        return source("hub", **{"dataset": str(FOLDER), "revision": None, "limit": None} | changed)

    return make


def read(settings):
    ((part, documents),) = [(part, list(part.documents)) for part in parts(settings)]
    return part, documents


def test_a_local_dataset_is_streamed(local):
    part, documents = read(local(license="CC0-1.0"))
    assert [document.text for document in documents] == [f"story {n}" for n in range(5)]
    assert documents[4].id == "data/input/stories#5"
    assert {document.license for document in documents} == {"CC0-1.0"}
    assert (part.origin, part.version) == (str(FOLDER), "")


def test_columns_limit_and_running_digest(local):
    columns = NO_COLUMNS | {"text": "text", "id": "key", "group": "author"}
    part, documents = read(local(limit=2, columns=columns))
    assert [(d.id, d.group) for d in documents] == [("k0", "A"), ("k1", "A")]
    assert part.sha256() == hashlib.sha256(b"k0\0story 0\0\0k1\0story 1\0\0").hexdigest()


def test_a_missing_column_is_named(local):
    columns = NO_COLUMNS | {"text": "body"}
    with pytest.raises(SourceError, match="row 1 has no column 'body'; it has 'text', 'key', 'au"):
        read(local(columns=columns))


def test_a_missing_split_is_named(local):
    with pytest.raises(SourceError, match=r"dataset data/input/stories .tst. fails after row 0"):
        read(local(split="tst"))


def test_a_torn_file_is_refused(local):
    (FOLDER / "train.jsonl").write_text('{"text": "x"}\n{"text": ')
    with pytest.raises(SourceError, match=r"dataset data/input/stories .train. fails after row"):
        read(local())


def test_a_dataset_of_the_hub_needs_its_revision(source):
    with pytest.raises(SettingsError, match=r"source.revision is missing for roneneldan/"):
        next(parts(source("hub", revision=None)))


def test_a_branch_is_no_revision(source):
    with pytest.raises(SettingsError, match=r"source\.revision.* is 'main'"):
        source("hub", revision="main")


def test_a_folder_has_no_revision(local):
    with pytest.raises(SettingsError, match=r"source.revision is set, but data/input/stories"):
        next(parts(local(revision="0" * 40)))


def test_a_folder_elsewhere_is_no_dataset(local):
    with pytest.raises(SourceError, match=r"\./data/input/\.\./x, which is not below data/input"):
        next(parts(local(dataset="./data/input/../x")))


def test_what_dvc_does_not_see_or_git_has_not_fetched_is_named(local):
    link = FOLDER / "more.jsonl"
    link.symlink_to("nowhere")
    with pytest.raises(SourceError, match=r"more\.jsonl is a link to nothing"):
        next(parts(local()))
    link.unlink()
    link.write_bytes(POINTER)
    with pytest.raises(SourceError, match=r"more\.jsonl is a Git LFS pointer"):
        next(parts(local()))
    link.unlink()
    FOLDER.with_name("link").symlink_to(FOLDER.name)
    with pytest.raises(SourceError, match="data/input/link is a link to a folder"):
        next(parts(local(dataset="data/input/link")))


def test_without_the_package_the_line_says_what_to_install(local, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SourceError, match=r"pip install 'stemma-lm\[hub\]'"):
        read(local())
