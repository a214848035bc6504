import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiny
import yaml

from stemma.corpus.documents import Document, write_shards
from stemma.corpus.packing import read_split
from stemma.layout import REVOKED

STAGE = [sys.executable, "-m", "stemma.stages.prepare"]
RAW, PREPARED = Path("data/raw"), Path("data/prepared")


def document(number, size=1):
    years = range(number * 40 * size, (number + 1) * 40 * size)
    lines = [
        f"In the {year}th year, {year**3 % 9973} men were with king {year % 7}." for year in years
    ]
    return Document(f"doc-{number}", "\n".join(lines), "source", "CC0-1.0")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a small data/raw and the shipped settings, shrunk."""
    monkeypatch.chdir(tmp_path)
    RAW.mkdir(parents=True)
    write_shards(RAW, map(document, range(40)))
    configure()
    return tmp_path


def configure(**changes):
    prepare = tiny.shipped("prepare/default", **changes)
    prepare["split"] |= {"validation": 0.2, "test": 0.2}
    prepare["contamination"] |= {"max_overlap": 1}
    tokenizer = tiny.shipped("tokenizer/bpe", vocab_size=270)
    sections = {"task": "causal_lm", "runtime": "portable"}
    shipped = {section: tiny.shipped(f"{section}/{name}") for section, name in sections.items()}
    tiny.declare(prepare=prepare, tokenizer=tokenizer, **shipped)


def stage(**options):
    return subprocess.run(STAGE, capture_output=True, text=True, check=False, **options)


def contents():
    return {path: path.read_bytes() for path in PREPARED.rglob("*") if path.is_file()}


@pytest.fixture
def before(project):
    """A data/prepared that a good run has made."""
    done = stage()
    assert done.returncode == 0, done.stderr
    return contents()


def test_writes_all_that_the_contract_promises_and_nothing_else(before):
    splits = [
        f"{split}.{part}.npy"
        for split in ("test", "train", "validation")
        for part in ("offsets", "tokens")
    ]
    rest = [
        "data_report.json",
        "manifest.parquet",
        "tokenizer/tokenizer.json",
        "tokenizer/tokenizer_config.json",
    ]
    assert sorted(str(path.relative_to(PREPARED)) for path in before) == sorted([*splits, *rest])
    assert [path.name for path in PREPARED.parent.iterdir() if path.name.startswith(".")] == []
    assert all(len(read_split(PREPARED, split).tokens) for split in ("train", "validation", "test"))


def test_every_run_gives_the_same_bytes(before):
    assert stage(env=os.environ | {"PYTHONHASHSEED": "7"}).returncode == 0
    assert contents() == before


def test_an_error_is_one_line_and_changes_nothing(before):
    configure(quality=tiny.shipped("prepare/default")["quality"] | {"min_words": 10**6})
    done = stage()
    assert done.returncode == 1 and contents() == before
    assert done.stderr.count("\n") == 1
    assert "stemma prepare: no document of data/raw is left" in done.stderr
    assert "quality.min_words 40" in done.stderr


def test_what_is_revoked_is_dropped(before):
    line = {"id": "doc-3", "sha256": "0" * 64, "why": "asked by its author"}
    REVOKED.write_text(json.dumps(line) + "\n")
    done = stage()
    assert done.returncode == 0, done.stderr
    rows = pq.read_table(PREPARED / "manifest.parquet").to_pylist()
    reasons = {row["id"]: row["reason"] for row in rows if row["reason"]}
    assert reasons == {"doc-3": "revoked: asked by its author"}
    REVOKED.write_text("")
    assert stage().returncode == 0 and contents() == before


def test_a_revocation_that_cannot_be_read_is_named(project):
    REVOKED.write_text("{}\n")
    done = stage()
    assert done.returncode == 1 and "data/revoked.jsonl, line 1 cannot be read" in done.stderr


def test_a_torn_shard_is_named(before):
    shard = RAW / "documents-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    done = stage()
    assert done.returncode == 1 and contents() == before
    assert "data/raw/documents-00000.parquet cannot be read" in done.stderr


def test_a_shard_torn_inside_is_named(before):
    shard = RAW / "documents-00000.parquet"
    content = shard.read_bytes()
    shard.write_bytes(content[:200] + bytes(200) + content[400:])
    done = stage()
    assert done.returncode == 1 and contents() == before
    assert "data/raw/documents-00000.parquet cannot be read" in done.stderr


def test_no_raw_data_says_what_to_type(project):
    (RAW / "documents-00000.parquet").unlink()
    done = stage()
    assert done.returncode == 1 and "dvc repro ingest" in done.stderr and not PREPARED.exists()


def test_a_vocabulary_that_the_text_does_not_support(before):
    sections = yaml.safe_load(Path("params.yaml").read_text())
    sections["tokenizer"]["vocab_size"] = 50_000
    Path("params.yaml").write_text(yaml.safe_dump(sections))
    done = stage()
    assert done.returncode == 1 and contents() == before
    assert "tokenizer.vocab_size is 50000, but the text supports only" in done.stderr


def test_a_full_disk_is_one_line_and_changes_nothing(before):
    # The limit on the size of a file is what a full disk looks like, for everybody and everywhere.
    write_shards(RAW, (document(number, 200) for number in range(40)))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = stage(preexec_fn=limit)
    assert done.returncode == 1 and contents() == before
    assert (
        done.stderr.count("\n") == 1 and "no space left on the disk at data/prepared" in done.stderr
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_disk_without_space_is_one_line_and_changes_nothing(before):
    write_shards(RAW, (document(number, 200) for number in range(40)))
    subprocess.run(["cp", "-r", "data", "kept"], check=True)
    # A disk of its own, in a mount namespace that ends with the command.
    script = """
        mount -t tmpfs -o size=2500k none data && cp -r kept/. data || exit 77
        "$@"; code=$?
        diff -r data/prepared kept/prepared || exit 3
        exit $code
    """
    command = ["unshare", "-m", "sh", "-c", script, "sh", *STAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this container may not mount")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no space left on the disk" in done.stderr


@pytest.mark.parametrize("progress", ["rows-", "tokens-"])
def test_a_kill_changes_nothing_and_the_next_run_cleans_up(before, progress):
    write_shards(RAW, (document(number, 400) for number in range(40)))
    process = subprocess.Popen(STAGE)
    while not any(PREPARED.parent.glob(f".prepared.*.partial/work/{progress}*")):
        assert process.poll() is None, "it was never under way"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents() == before
    assert list(PREPARED.parent.glob(".prepared.*.partial")), "killed too late"
    write_shards(RAW, map(document, range(40)))
    assert stage().returncode == 0
    assert contents() == before
    assert not list(PREPARED.parent.glob(".prepared.*.partial"))


def test_reading_the_settings_imports_nothing_heavy():
    program = (
        "import sys, stemma.stages.prepare;"
        "print({'numpy', 'pyarrow', 'rensa', 'tokenizers', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
