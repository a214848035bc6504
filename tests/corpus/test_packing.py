from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.packing import (
    LabelWriter,
    TokenWriter,
    merge_labels,
    merge_parts,
    read_labels,
    read_split,
)
from stemma.errors import DataError


def pack(folder: Path, documents: list[list[int]], vocabulary: int = 300, end: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with TokenWriter(folder, "train", vocabulary, end) as writer:
        # Two batches, so that the second one has an offset to start from.
        for batch in (documents[: len(documents) // 2], documents[len(documents) // 2 :]):
            writer.append([np.array(document, np.uint32) for document in batch])
    return folder


def unpack(folder: Path) -> list[list[int]]:
    packed = read_split(folder, "train")
    return [
        packed.tokens[start:stop].tolist()
        for start, stop in zip(packed.offsets[:-1], packed.offsets[1:], strict=True)
    ]


@given(documents=st.lists(st.lists(st.integers(1, 299))))
def test_every_document_comes_back_with_its_end(tmp_path_factory, documents):
    folder = pack(tmp_path_factory.mktemp("packed"), documents)
    assert unpack(folder) == [[*document, 0] for document in documents]


@pytest.mark.parametrize(
    ("vocabulary", "dtype"),
    [(256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")],
)
def test_smallest_type_that_holds_the_vocabulary(tmp_path, vocabulary, dtype):
    largest = vocabulary - 1
    pack(tmp_path, [[largest]], vocabulary, end=largest)
    assert read_split(tmp_path, "train").tokens.dtype == dtype
    assert unpack(tmp_path) == [[largest, largest]]


def test_plain_numpy_reads_the_files(tmp_path):
    pack(tmp_path, [[1, 2], [3]])
    tokens = np.load(tmp_path / "train.tokens.npy", mmap_mode="r")
    assert tokens.tolist() == [1, 2, 0, 3, 0]
    assert np.load(tmp_path / "train.offsets.npy").tolist() == [0, 3, 5]


def test_an_id_beyond_the_vocabulary_is_not_wrapped_around(tmp_path):
    with pytest.raises(AssertionError, match="beyond the vocabulary"):
        pack(tmp_path, [[300]], vocabulary=256)


@pytest.mark.parametrize("copy_items", [1, 2, 1000])
def test_parts_join_into_what_one_writer_writes(tmp_path, monkeypatch, copy_items):
    monkeypatch.setattr("stemma.corpus.packing._COPY_ITEMS", copy_items)
    documents = [[1, 2], [], [3], [4, 5, 6], [7]]
    parts = [
        pack(tmp_path / str(index), part)
        for index, part in enumerate((documents[:2], [], documents[2:3], documents[3:]))
    ]
    whole = pack(tmp_path / "whole", documents)
    joined = tmp_path / "joined"
    joined.mkdir()
    merge_parts(parts, joined, "train")
    for name in ("train.tokens.npy", "train.offsets.npy"):
        assert (joined / name).read_bytes() == (whole / name).read_bytes()


def label(folder: Path, documents: list[list[int]]) -> Path:
    with LabelWriter(folder, "train") as writer:
        # A batch of which every document was dropped, and one of the rest.
        for batch in ([], documents):
            writer.append([np.array(document, np.int32) for document in batch])
    return folder


def test_labels_join_and_stand_beside_their_tokens(tmp_path):
    documents = [[1, 2], [3]], [[4]]
    parts = [pack(tmp_path / str(number), some) for number, some in enumerate(documents)]
    label(parts[0], [[-100, 2, -100], [3, -100]])
    label(parts[1], [[4, -100]])
    merge_parts(parts, tmp_path, "train")
    merge_labels(parts, tmp_path, "train")
    assert read_labels(tmp_path, "train").tolist() == [-100, 2, -100, 3, -100, 4, -100]


@pytest.mark.parametrize("labels", [[], [[1, 0, 2]], [[1, 0, 2, 0, 0, 0]]])
def test_labels_that_are_not_one_per_token_are_refused(tmp_path, labels):
    label(pack(tmp_path, [[1], [2, 3]]), labels)
    with pytest.raises(DataError, match=r"train\.labels\.npy does not fit train\.tokens\.npy"):
        read_labels(tmp_path, "train")


def test_an_interrupted_write_is_never_read(tmp_path):
    with pytest.raises(KeyboardInterrupt), TokenWriter(tmp_path, "train", 300, 0) as writer:
        writer.append([np.array([1, 2])])
        raise KeyboardInterrupt
    with pytest.raises(DataError, match=r"train\.tokens\.npy is torn.*dvc repro prepare"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize("name", ["train.tokens.npy", "train.offsets.npy"])
def test_a_missing_file_is_named(tmp_path, name):
    pack(tmp_path, [[1, 2]])
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name} does not exist"):
        read_split(tmp_path, "train")


@pytest.mark.parametrize("size", [0, 5, 100, -1])
@pytest.mark.parametrize("name", ["train.tokens.npy", "train.offsets.npy"])
def test_a_truncated_file_is_named(tmp_path, name, size):
    pack(tmp_path, [[1, 2]])
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(DataError, match=f"{name} is torn"):
        read_split(tmp_path, "train")


def test_offsets_of_another_corpus_are_refused(tmp_path):
    mine, other = pack(tmp_path / "mine", [[1, 2]]), pack(tmp_path / "other", [[1], [2, 3]])
    (other / "train.offsets.npy").replace(mine / "train.offsets.npy")
    with pytest.raises(DataError, match=r"train\.offsets\.npy does not fit train\.tokens\.npy"):
        read_split(mine, "train")


def test_decreasing_offsets_are_refused(tmp_path):
    pack(tmp_path, [[1, 2], [3]])
    np.save(tmp_path / "train.offsets.npy", np.array([0, 9, 5]))
    with pytest.raises(DataError, match="does not fit"):
        read_split(tmp_path, "train")


def test_arrays_of_another_type_are_refused(tmp_path):
    pack(tmp_path, [[1, 2]])
    np.save(tmp_path / "train.tokens.npy", np.array([1.0, 2.0, 0.0]))
    with pytest.raises(DataError, match="hold no token ids"):
        read_split(tmp_path, "train")
