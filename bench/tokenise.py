"""Tokenise and pack, beside `datasets.map` as transformers' run_clm.py does it.

    python bench/tokenise.py                        # both arms, interleaved, medians
    python bench/tokenise.py --synthetic-bytes 2e9  # peak memory on a corpus made of shuffled lines

Every arm runs in a process of its own and counts the CPU seconds of all its threads and children,
without imports, from documents in Parquet to packed token arrays, the opening of the tokenizer
included. The ids of the two are compared over the whole corpus.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stemma import layout

RAW = layout.RAW
TOKENIZER = layout.PREPARED / "tokenizer"
DOCUMENT_BYTES = 2**16
LIMIT_MIB = 1024


def measure(raw: Path = RAW, tokenizer: Path = TOKENIZER, rounds: int = 5) -> dict:
    """Run both arms in turn.

    Args:
        raw: folder of documents as ingest writes it.
        tokenizer: folder of a tokenizer as prepare writes it.
        rounds: how often each arm runs.

    Returns:
        Medians per arm, their ratio, and the reading speed of the disk for the same file.
    """
    runs: dict[str, list[dict]] = {"run_clm": [], "stemma": []}
    for _ in range(rounds):
        for arm in runs:
            runs[arm].append(_child(arm, raw, tokenizer))
    digests = {run["ids_sha256"] for arm in runs.values() for run in arm}
    ratios = [
        plain["cpu_seconds"] / ours["cpu_seconds"]
        for plain, ours in zip(runs["run_clm"], runs["stemma"], strict=True)
    ]
    return {
        "arms": {arm: _summary(results) for arm, results in runs.items()},
        "documents_per_cpu_second_ratio": statistics.median(ratios),
        "ids_equal": len(digests) == 1,
        "disk_read_mb_per_second": _disk_speed(raw),
        "rounds": rounds,
    }


def measure_memory(raw: Path = RAW, tokenizer: Path = TOKENIZER, size: int = 2 * 10**9) -> dict:
    """Tokenise and pack ``size`` bytes of shuffled lines; return the peak of memory."""
    return _child("synthetic", raw, tokenizer, str(size))


def _child(arm: str, raw: Path, tokenizer: Path, *more: str) -> dict:
    command = [sys.executable, __file__, "--arm", arm, str(raw), str(tokenizer), *more]
    # An empty cache, or datasets would find the work done.
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"HF_HOME": cache, "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
        output = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    return json.loads(output.splitlines()[-1])


def _summary(results: list[dict]) -> dict:
    keys = ("cpu_seconds", "wall_seconds", "peak_mib")
    medians = {key: statistics.median(result[key] for result in results) for key in keys}
    cpu = medians["cpu_seconds"]
    return {
        **medians,
        "documents_per_cpu_second": results[0]["documents"] / cpu,
        "mb_per_cpu_second": results[0]["bytes"] / 1e6 / cpu,
    }


def _disk_speed(raw: Path) -> float:
    """Return MB/s of one reading of the documents with nothing of them cached."""
    size, seconds = 0, 0.0
    for path in raw.glob("*.parquet"):
        with path.open("rb", buffering=0) as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            start = time.perf_counter()
            while chunk := file.read(2**20):
                size += len(chunk)
            seconds += time.perf_counter() - start
    return size / 1e6 / seconds


class _Meter:
    """CPU and wall seconds since it was made, all threads and children."""

    def __init__(self) -> None:
        self.cpu, self.wall = self._cpu(), time.perf_counter()

    def stop(self, documents: int, size: int) -> dict:
        cpu, wall = self._cpu() - self.cpu, time.perf_counter() - self.wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "cpu_seconds": cpu,
            "wall_seconds": wall,
            "peak_mib": peak,
            "documents": documents,
            "bytes": size,
        }

    @staticmethod
    def _cpu() -> float:
        used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _run_stemma(raw: Path, tokenizer: Path) -> dict:
    import numpy as np

    from stemma.corpus.documents import read_shard, shards
    from stemma.corpus.packing import TokenWriter, read_split
    from stemma.corpus.tokenizer.encoder import Encoder

    with tempfile.TemporaryDirectory() as scratch:
        meter, documents, size = _Meter(), 0, 0
        encoder = Encoder(tokenizer)
        with TokenWriter(Path(scratch), "train", encoder.size, encoder.end_of_text) as writer:
            for shard in shards(raw):
                for batch in read_shard(shard):
                    writer.append(encoder.encode_batch([document.text for document in batch]))
                    documents += len(batch)
                    size += sum(len(document.text.encode()) for document in batch)
        result = meter.stop(documents, size)
        packed = read_split(Path(scratch), "train")
        is_end = np.zeros(len(packed.tokens), bool)
        is_end[packed.offsets[1:] - 1] = True
        return result | {"ids_sha256": _digest([packed.tokens[~is_end]])}


def _run_clm(raw: Path, tokenizer: Path) -> dict:
    from datasets import load_dataset
    from transformers import AutoTokenizer

    data = load_dataset("parquet", data_files=str(raw / "*.parquet"), split="train")
    meter = _Meter()
    fast = AutoTokenizer.from_pretrained(tokenizer)
    block = 1024

    def tokenize_function(examples: dict) -> dict:
        return fast(examples["text"])

    def group_texts(examples: dict) -> dict:
        joined = {key: [item for row in rows for item in row] for key, rows in examples.items()}
        total = len(joined["input_ids"]) // block * block
        result = {
            key: [items[start : start + block] for start in range(0, total, block)]
            for key, items in joined.items()
        }
        result["labels"] = result["input_ids"].copy()
        return result

    tokens = data.map(tokenize_function, batched=True, remove_columns=data.column_names)
    tokens.map(group_texts, batched=True)
    result = meter.stop(len(data), sum(len(text.encode()) for text in data["text"]))
    return result | {"ids_sha256": _digest(tokens.with_format("numpy")["input_ids"])}


def _digest(ids: Iterable) -> str:
    digest = hashlib.sha256()
    for part in ids:
        digest.update(part.astype("<u4").data)
    return digest.hexdigest()


def _run_synthetic(raw: Path, tokenizer: Path, size: str) -> dict:
    from stemma.corpus.packing import TokenWriter
    from stemma.corpus.tokenizer.encoder import Encoder

    with tempfile.TemporaryDirectory() as scratch:
        meter, documents, written = _Meter(), 0, 0
        encoder = Encoder(tokenizer)
        with TokenWriter(Path(scratch), "train", encoder.size, encoder.end_of_text) as writer:
            for batch in _batches(raw, int(size)):
                writer.append(encoder.encode_batch(batch))
                documents += len(batch)
                written += sum(len(text.encode()) for text in batch)
        return meter.stop(documents, written)


def _batches(raw: Path, size: int) -> Iterator[list[str]]:
    """Yield batches of documents of shuffled lines; every tenth line ends with a word made up.

    The made-up words stand for the ever-new ones of a real corpus, which fill a memory of words.
    """
    from stemma.corpus.documents import read_shard, shards

    lines = [
        line
        for shard in shards(raw)
        for batch in read_shard(shard)
        for document in batch
        for line in document.text.splitlines(keepends=True)
    ]
    rng = random.Random(0)
    written = 0
    while written < size:
        batch = []
        for _ in range(64):
            drawn = rng.choices(lines, k=DOCUMENT_BYTES // 40)
            drawn[::10] = [f"{line[:-1]} {rng.getrandbits(40):x}\n" for line in drawn[::10]]
            batch.append("".join(drawn))
        written += sum(map(len, batch))
        yield batch


def show(result: dict) -> None:
    table = Table("", "docs / CPU s", "MB / CPU s", "CPU s", "wall s", "peak MiB")
    for arm, row in result["arms"].items():
        table.add_row(
            arm,
            f"{row['documents_per_cpu_second']:,.0f}",
            f"{row['mb_per_cpu_second']:.1f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['wall_seconds']:.2f}",
            f"{row['peak_mib']:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"median ratio {result['documents_per_cpu_second_ratio']:.0f} x, ids "
        f"{'equal' if result['ids_equal'] else 'DIFFER'}, "
        f"the disk reads {result['disk_read_mb_per_second']:.0f} MB/s"
    )


def main() -> dict:
    """Print a table and return the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, default=RAW)
    parser.add_argument("--tokenizer", type=Path, default=TOKENIZER)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--synthetic-bytes", type=float, help="measure memory instead")
    arguments = parser.parse_args()
    if arguments.synthetic_bytes:
        result = measure_memory(arguments.raw, arguments.tokenizer, int(arguments.synthetic_bytes))
        print(
            f"peak {result['peak_mib']:.0f} MiB of {LIMIT_MIB} for {result['bytes'] / 1e9:.2f} GB"
        )
        return result
    result = measure(arguments.raw, arguments.tokenizer, arguments.rounds)
    show(result)
    return result


if __name__ == "__main__":
    if sys.argv[1:2] == ["--arm"]:
        arms = {"stemma": _run_stemma, "run_clm": _run_clm, "synthetic": _run_synthetic}
        name, raw_folder, tokenizer_folder, *rest = sys.argv[2:]
        print(json.dumps(arms[name](Path(raw_folder), Path(tokenizer_folder), *rest)))
    else:
        main()
