"""A pointer of Git LFS is told wherever a file is opened."""

import pytest
from pointers import POINTER

from stemma import lfs
from stemma.corpus import revoked
from stemma.errors import DataError, ModelError, StemmaError
from stemma.modeling.weights import shards, tensors
from stemma.store.errors import ProjectError
from stemma.versions.contents import examples
from stemma.versions.verbs.trace import trace


@pytest.fixture
def pointer(tmp_path):
    path = tmp_path / shards.SINGLE
    path.write_bytes(POINTER)
    return path


def test_what_only_speaks_of_pointers_is_none(tmp_path):
    path = tmp_path / "a.txt"
    for text in (b"", b"version 1", b"A pointer starts so:\n" + POINTER, b"\xff" * 100):
        path.write_bytes(text)
        lfs.refuse_file(path, StemmaError)


def test_older_pointers_are_told_too():
    for address in (b"http://git-lfs.github.com/spec/v2", b"https://hawser.github.com/spec/v1"):
        with pytest.raises(DataError, match="x is a Git LFS pointer, not the file itself"):
            lfs.refuse(b"version " + address + b"\noid sha256:0\n", "x", DataError)


def test_weights_are_told(pointer):
    said = r"model\.safetensors.* is a Git LFS pointer, not the file itself \(type `git lfs pull`\)"
    with pytest.raises(ModelError, match=said):
        tensors.read_header(pointer, "model.safetensors of v1")
    with pytest.raises(ModelError, match=said):
        shards.locate(pointer.parent)
    with pytest.raises(ModelError, match=said), shards.Reader({"a": pointer}) as tensors_of:
        tensors_of["a"]


def test_lists_and_texts_are_told(pointer):
    with pytest.raises(DataError, match="is a Git LFS pointer"):
        revoked.read(pointer)
    with pytest.raises(ProjectError, match="is a Git LFS pointer"):
        trace(file=pointer)


def test_what_git_keeps_of_a_version_is_told():
    with pytest.raises(ProjectError, match=r"examples\.parquet of v1 is a .*\.gitattributes"):
        examples.parse(POINTER, "reports/examples.parquet of v1")
