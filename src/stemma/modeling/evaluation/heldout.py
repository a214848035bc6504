"""The test split with the ids and sizes of its documents, checked against the model's tokenizer."""

import dataclasses
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.packing import PackedSplit, read_split
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError, ModelError
from stemma.modeling.evaluation.restoring import Restorer

_REMEDY = "type `dvc repro prepare`, or `dvc checkout` to restore the files"


class Predicted(Protocol):
    """Documents, some tokens of which a model predicts."""

    @property
    def ids(self) -> list[str]:
        """Ids of the documents."""
        ...

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many tokens of each are predicted."""
        ...

    @property
    def sizes(self) -> NDArray[np.int64]:
        """UTF-8 bytes of the text that these tokens spell."""
        ...

    @property
    def not_restored(self) -> int:
        """Number of documents whose text does not come back from its tokens."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class HeldOut:
    """Documents that no model has seen.

    Attributes:
        split: their token ids.
        ids: of the documents, in the split's order.
        sizes: UTF-8 bytes of each document's text, shape (documents,).
        not_restored: number of documents whose text does not come back from its tokens; 0 if that
            was not looked at.
    """

    split: PackedSplit
    ids: list[str]
    sizes: NDArray[np.int64]
    not_restored: int = 0

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document, the end-of-text token included."""
        return np.diff(self.split.offsets)


def read_held_out(prepared: Path) -> HeldOut:
    """Read the test split and its rows of the manifest.

    Raises:
        DataError: a file is missing or torn, or the split is empty or not that of the manifest.
    """
    split = read_split(prepared, "test")
    documents = len(split.offsets) - 1
    if documents == 0:
        raise DataError(
            f"{prepared / 'test.tokens.npy'} holds no document, so there is nothing to measure on",
            "add documents, or give the test split a larger share in conf/prepare",
        )
    rows = _rows(prepared, ["id", "bytes"], documents)
    sizes = rows["bytes"].to_numpy().astype(np.int64)
    return HeldOut(split, rows["id"].to_pylist(), sizes)


def read_texts(prepared: Path) -> HeldOut:
    """Read the test split as texts, each of which ends with an end-of-text token.

    Raises:
        DataError: as ``read_held_out``; or a document has another end, or the tokenizer is torn.
    """
    test = read_held_out(prepared)
    _check_ends(test, prepared, Encoder(prepared / "tokenizer"))
    hashes = _rows(prepared, ["sha256"], len(test.ids))["sha256"].to_pylist()
    restorer = Restorer(prepared / "tokenizer")
    documents = np.split(test.split.tokens, test.split.offsets[1:-1])
    lost = [
        not restorer.is_text(ids[:-1].tolist(), size, sha256)
        for ids, size, sha256 in zip(documents, test.sizes.tolist(), hashes, strict=True)
    ]
    return dataclasses.replace(test, not_restored=sum(lost))


def _rows(prepared: Path, columns: list[str], documents: int) -> pa.Table:
    """Return columns of the manifest, one row per test document."""
    path = prepared / "manifest.parquet"
    try:
        rows = pq.read_table(path, columns=columns, filters=[("split", "=", "test")])
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist", _REMEDY) from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}", _REMEDY) from error
    if len(rows) != documents:
        raise DataError(
            f"{path} names {len(rows)} test documents, but test.offsets.npy has {documents}",
            _REMEDY,
        )
    return rows


def check_vocabulary(test: HeldOut, prepared: Path, trained: Path, logits: int) -> Encoder:
    """Check that model, tokenizer and data use the same tokens; return the model's tokenizer.

    Args:
        test: what is to be scored.
        prepared: the folder that it comes from.
        trained: the model's folder.
        logits: how many tokens the model gives a probability.

    Raises:
        DataError: a tokenizer is missing or torn, or the arrays are not in its vocabulary.
        ModelError: the model has another vocabulary.
    """
    encoder = Encoder(trained)
    Encoder(prepared / "tokenizer")
    if _vocabulary(trained) != _vocabulary(prepared / "tokenizer"):
        raise ModelError(
            f"{trained} has another tokenizer than {prepared / 'tokenizer'}",
            "the model was trained on other data: type `dvc repro`",
        )
    if logits < encoder.size:
        raise ModelError(
            f"{trained / 'config.json'} has vocab_size {logits}, but the tokenizer has "
            f"{encoder.size} entries",
            "type `dvc repro train`",
        )
    largest = int(test.split.tokens.max())
    if largest >= encoder.size:
        raise DataError(
            f"{prepared / 'test.tokens.npy'} holds id {largest}, but the tokenizer has "
            f"{encoder.size} entries",
            _REMEDY,
        )
    return encoder


def _check_ends(test: HeldOut, prepared: Path, encoder: Encoder) -> None:
    if np.any(test.split.tokens[test.split.offsets[1:] - 1] != encoder.end_of_text):
        raise DataError(
            f"{prepared / 'test.tokens.npy'} has a document that does not end with the "
            f"end-of-text id {encoder.end_of_text}",
            _REMEDY,
        )


def _vocabulary(folder: Path) -> dict[str, int]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer.get_vocab(with_added_tokens=True)
