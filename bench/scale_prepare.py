"""Prepare on the process pool and on Ray: equal bytes, seconds, documents per core-second, memory.

``python bench/scale_prepare.py --megabytes 2000 --times 1 2 4 8``; needs the extra ``ray``. Each
measure runs in a process of its own, so that its peak of resident memory is its own.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stemma import composition
from stemma.config import build
from stemma.corpus import documents as corpus
from stemma.corpus.documents import Document, shards, text_size, write_shards
from stemma.corpus.prepare.pipeline import prepare
from stemma.corpus.settings import Engine
from stemma.corpus.sharding.pool import open_pool
from stemma.hashes import md5_of
from stemma.stages.prepare import PrepareSettings
from stemma.tasks import encoding_of

ROOT = Path(__file__).resolve().parents[1]
WORDS = 20_000  # distinct words, drawn as Zipf has them


def documents(size: int) -> Iterator[Document]:
    """Yield documents of about 2 kB of made-up words until they have so many bytes of text."""
    draw = random.Random(1)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(WORDS)]
    weights = [1 / rank for rank in range(1, WORDS + 1)]
    number = 0
    while size > 0:
        chosen = draw.choices(words, weights, k=400)
        lines = (" ".join(chosen[at : at + 10]).capitalize() + "." for at in range(0, 400, 10))
        text = "\n".join(lines)
        yield Document(f"doc-{number}", text, "made", "CC0-1.0", "")
        size -= len(text)
        number += 1


def once(engine: Engine, raw: Path, out: Path, workers: int) -> None:
    """Prepare, and print what it took as JSON."""
    values = composition.compose([], ROOT).values
    sections = {name: values[name] for name in ("prepare", "tokenizer", "task")}
    settings = build(PrepareSettings, sections, "conf")
    found = shards(raw)
    work = out.with_name(f"{out.name}-work")
    out.mkdir()
    work.mkdir()
    begun = time.monotonic()
    with open_pool(engine, workers, len(found), text_size(found)) as pool:
        ready = time.monotonic()
        encoding = encoding_of(settings.task)
        prepare(found, out, work, settings.prepare, settings.tokenizer, encoding, pool)
        done = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"start": ready - begun, "seconds": done - ready, "mib": peak}))


def measure(engine: str, raw: Path, out: Path, workers: int) -> dict[str, float]:
    """Return what ``once`` prints, run in a process of its own."""
    command = [sys.executable, __file__, "--once", engine, str(raw), str(out), str(workers)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file by its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): md5_of(path) for path in files}


def main() -> None:
    """Print a row per size and engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--shard", type=int, default=64, help="MiB of text per shard")
    parser.add_argument("--once", nargs=4)
    arguments = parser.parse_args()
    if arguments.once:
        engine, raw, out, workers = arguments.once
        once("ray" if engine == "ray" else "pool", Path(raw), Path(out), int(workers))
        return
    print("MB | documents | engine | start s | s | documents per core-second | MiB of the driver")
    for times in arguments.times:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            raw = folder / "raw"
            raw.mkdir()
            # Shards enough for every worker, in small corpora too.
            corpus.SHARD_BYTES = arguments.shard * 2**20
            count = write_shards(raw, documents(int(arguments.megabytes * times * 1e6)))
            found = {}
            for engine in ("pool", "ray"):
                row = measure(engine, raw, folder / engine, arguments.workers)
                rate = count / row["seconds"] / arguments.workers
                print(
                    f"{arguments.megabytes * times:g} | {count} | {engine} | {row['start']:.1f} |"
                    f" {row['seconds']:.1f} | {rate:.0f} | {row['mib']:.0f}",
                    flush=True,
                )
                found[engine] = hashes(folder / engine)
            if found["pool"] != found["ray"]:
                sys.exit("the outputs differ")


if __name__ == "__main__":
    main()
