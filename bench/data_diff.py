"""How the documents of two versions are compared: two manifests of a million rows.

Of the documents, 2 in 100 are removed, added, changed or moved to another split, and half of the
added ones are much like a removed one. The comparison runs in a process of its own.

    python bench/data_diff.py                       # a million rows
    python bench/data_diff.py --documents 100000    # fewer
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

DOCUMENTS = 1_000_000
PART = 200  # one in so many is removed; as many are added, changed and moved


def measure(documents: int = DOCUMENTS) -> dict[str, Any]:
    """Return seconds and peak memory of one comparison, importing counted in memory only."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--documents", str(documents)]
        subprocess.run([*command, "--make", folder], check=True)
        done = subprocess.run(
            [*command, "--compare", folder], check=True, capture_output=True, text=True
        )
    return json.loads(done.stdout)


def show(result: dict[str, Any]) -> None:
    print(
        f"Two manifests of {result['documents']:,} documents ({result['mib']:.0f} MiB each): "
        f"{result['seconds']:.1f} s, peak {result['peak_mib']:.0f} MiB"
    )


def make(root: Path, documents: int) -> None:
    """Write data/prepared of both versions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from stemma.corpus.manifest import SCHEMA

    random = np.random.default_rng(0)
    keys = random.integers(0, 256, (documents, 32), np.uint8)
    sketches = random.integers(0, 256, (documents, 64), np.uint8)
    sizes = random.lognormal(7, 1, documents).astype(np.int64) + 1
    splits = random.choice(["train", "validation", "test"], documents, p=[0.9, 0.05, 0.05])
    names = np.char.add("document/", np.arange(documents).astype(str))
    for side in ("one", "other"):
        if side == "other":
            removed, changed, moved = (np.arange(documents) % PART == part for part in range(3))
            # Those removed come under another id: half of them nearly as they were.
            names[removed] = np.char.add("new/", np.arange(removed.sum()).astype(str))
            new, gone = np.flatnonzero(removed | changed), np.flatnonzero(removed)
            keys[new] = random.integers(0, 256, (len(new), 32), np.uint8)
            sketches[removed, :6] ^= 1
            sketches[gone[::2]] = random.integers(0, 256, (len(gone[::2]), 64), np.uint8)
            splits[moved] = np.where(splits[moved] == "train", "test", "train")
        hashes = [key.tobytes().hex() for key in keys]
        columns = {
            "id": names,
            "source": np.where(np.arange(documents) % 3, "web", "books"),
            "group": np.full(documents, ""),
            "sha256": hashes,
            "language": np.full(documents, "en"),
            "bytes": sizes,
            "split": splits,
            "tokens": sizes // 4 + 1,
            "reason": pa.nulls(documents, pa.string()),
            "cluster": hashes,
            "sketch": [sketch.tobytes() for sketch in sketches],
        }
        folder = root / side / "data/prepared"
        folder.mkdir(parents=True)
        table = pa.table({name: pa.array(column) for name, column in columns.items()})
        path = folder / "manifest.parquet"
        pq.write_table(table.cast(SCHEMA), path, compression="zstd", row_group_size=2**13)


def compare(root: Path, documents: int) -> dict[str, Any]:
    """Compare the two; the files were read before, so they are in the page cache."""
    from stemma.store.version import Tree
    from stemma.versions.differences import data

    begun = time.perf_counter()
    found = data.compare(Tree(root / "one"), Tree(root / "other"))
    seconds = time.perf_counter() - begun
    assert found is not None
    assert len(found.facts["changed"]) == len(found.facts["added"]) == documents // PART
    return {
        "documents": documents,
        "mib": (root / "one/data/prepared/manifest.parquet").stat().st_size / 2**20,
        "seconds": seconds,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--compare", type=Path)
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.make, arguments.documents)
    elif arguments.compare:
        print(json.dumps(compare(arguments.compare, arguments.documents)))
    else:
        show(measure(arguments.documents))


if __name__ == "__main__":
    main()
