import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemma.corpus.duplicates import sorted_arrays
from stemma.corpus.duplicates.boilerplate import find_boilerplate
from stemma.corpus.duplicates.contamination import measure_overlap
from stemma.corpus.sharding.pool import SerialPool
from stemma.corpus.sharding.progress import ProgressBars
from stemma.corpus.sharding.shard import DROPPED, TEXTS, Placed, Shard

TRAIN, VALIDATION, TEST = range(3)


def words(start, stop):
    return " ".join(f"w{number}" for number in range(start, stop))


def overlap_of(folder, shards, n):
    placed = []
    for number, documents in enumerate(shards):
        shard = Shard(folder / f"documents-{number}.parquet", folder)
        rows = [{"id": "", "text": text, "label": "", "parts": []} for text, _ in documents]
        texts = pa.Table.from_pylist(rows, TEXTS)
        pq.write_table(texts, shard.texts, row_group_size=2)
        placed.append(Placed(shard, np.array([side for _, side in documents], np.int8)))
    pool, progress = SerialPool(), ProgressBars(len(placed))
    nothing = find_boilerplate(pool, placed, n, None, folder, progress)
    return measure_overlap(pool, placed, n, nothing, folder, progress)


SHARDS = [
    [(words(0, 50), TRAIN), (words(40, 60), TEST), (words(100, 110), VALIDATION)],
    [(words(100, 110).upper() + "!", TRAIN), (words(200, 220), TEST), (words(40, 60), DROPPED)],
    [(words(200, 220), DROPPED), (words(0, 3), TEST), (words(40, 60), VALIDATION)],
]


def test_counts_the_ngrams_that_train_holds(tmp_path):
    found = overlap_of(tmp_path, SHARDS, 5)
    #                        40-60 shares 40-50 with train; 100-110 wholly, in other words' case
    assert found.total.tolist() == [0, 16, 6, 0, 16, 0, 0, 0, 16]
    assert found.seen.tolist() == [0, 6, 6, 0, 0, 0, 0, 0, 6]
    assert found.share[1] == pytest.approx(6 / 16) and found.share[7] == 0


@pytest.mark.parametrize("size", [1, 7])
def test_sorting_in_ranges_changes_nothing(tmp_path, monkeypatch, size):
    monkeypatch.setattr(sorted_arrays, "_RANGE", size)
    assert overlap_of(tmp_path, SHARDS, 5).seen.tolist() == [0, 6, 6, 0, 0, 0, 0, 0, 6]


def test_nothing_held_out_or_nothing_long_enough(tmp_path):
    assert overlap_of(tmp_path, [[("a b c", TRAIN), ("a b c", TRAIN)]], 2).total.tolist() == [0, 0]
    assert overlap_of(tmp_path, [[("a b c", TRAIN), ("a b c", TEST)]], 9).share.tolist() == [0, 0]
