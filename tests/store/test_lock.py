"""dvc.lock: what is read line by line is what YAML reads, and all else is read as YAML."""

import hashlib
from pathlib import Path

import pytest
import yaml
from project import Project

from stemma.store import lock
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.lock import LockEntry
from stemma.store.version import built

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
READ = """\
    params:
      code.lock:
        train: {a: 1}
      params.yaml:
        rate: 2
"""
ENTRY = "    - path: {path}\n      hash: md5\n      md5: " + MD5 + "\n      size: 7\n"
STAGE = "  {name}:\n    cmd: {cmd}\n    deps:\n{deps}    outs:\n{outs}"


def text(name: str = "train", cmd: str = "python t.py", dep: str = "a.txt") -> str:
    entries = {"deps": ENTRY.format(path=dep), "outs": ENTRY.format(path="out")}
    return f"schema: '2.0'\nstages:\n{STAGE.format(name=name, cmd=cmd, **entries)}"


def by_yaml(raw: str) -> list[tuple]:
    return [
        (
            name,
            stage["cmd"],
            *(
                tuple(
                    LockEntry(one["path"], one["md5"], one["size"]) for one in stage.get(kind, ())
                )
                for kind in ("deps", "outs")
            ),
        )
        for name, stage in yaml.safe_load(raw)["stages"].items()
    ]


def by_us(raw: str) -> list[tuple]:
    stages = lock.parse(raw.encode(), "here").stages
    return [(one.name, one.command, one.deps, one.outs) for one in stages]


@pytest.mark.parametrize(
    "raw",
    [
        text(),
        text().replace("\n", "\r\n"),
        text(name="train@1"),
        text(name="'train: all'"),
        text(cmd="'python t.py: all'"),
        text(cmd="python t.py # all"),
        text(cmd="python t.py --many\n      and more"),
        text(dep="'a: b.txt'"),
        text(dep="a b.txt"),
        text(dep="été.txt"),
        text().replace("      size: 7\n", "      size: 7\n      nfiles: 2\n"),
        text().replace("    outs:\n", f"{READ}    outs:\n"),
        text().replace("hash: md5\n      ", ""),
        text() + text(name="test").split("stages:\n")[1],
        "schema: '2.0'\nstages: {}\n",
        "stages: {a: {cmd: x, outs: [{path: y, md5: z, size: 1}]}}",
    ],
)
def test_it_is_read_as_yaml_reads_it(raw: str) -> None:
    assert by_us(raw) == by_yaml(raw)


def test_what_dvc_writes_is_read_by_its_lines(versions: Path, monkeypatch) -> None:
    raw = (versions / "dvc.lock").read_bytes()
    monkeypatch.setattr(lock, "_read_yaml", lambda *_: pytest.fail("YAML was asked"))
    found = lock.parse(raw, "here")
    assert by_us(raw.decode()) == by_yaml(raw.decode())
    (train,) = found.stages
    assert train.params == {"rate": 3}
    assert train.params_of("other.yaml") == {}
    weights = versions / "models/trained/model.safetensors"
    assert found.outs["models/trained"][0].endswith(".dir")
    assert found.outs["models/trained"][1] > weights.stat().st_size
    code = versions / "params.copy"
    assert found.outs["params.copy"] == (hashlib.md5(code.read_bytes()).hexdigest(), 8)


def test_what_a_stage_makes_is_no_dependency_of_the_version() -> None:
    made = text() + STAGE.format(
        name="test", cmd="x", deps=ENTRY.format(path="out"), outs=ENTRY.format(path="score")
    )
    found = lock.parse(made.encode(), "here")
    assert found.deps == {"a.txt": MD5}
    assert found.outs == {"out": (MD5, 7), "score": (MD5, 7)}


def test_settings_of_any_file_are_read_when_asked_for() -> None:
    (stage,) = lock.parse(text().replace("    outs:\n", f"{READ}    outs:\n").encode(), "x").stages
    assert stage.params == {"rate": 2}
    assert stage.params_of("code.lock") == {"train": {"a": 1}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"stages: [", "dvc.lock of here cannot be read"),
        (b"stages: {a: {}}", "dvc.lock of here cannot be read: 'cmd'"),
        (
            text().replace("    deps", "<<<<<<< ours\n    deps").encode(),
            "marks of an unfinished merge",
        ),
        (text().partition("h: md5")[0].encode(), "dvc.lock of here cannot be read"),
        (b"\xff\xfe\x00", "dvc.lock of here cannot be read"),
    ],
)
def test_a_torn_one_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        lock.parse(raw, "here")


def test_a_commit_without_one_is_no_version(versions: Path) -> None:
    project = Project(versions)
    first = project.run("git rev-parse v1").stdout.strip()
    assert [stage.name for stage in built("v1", first, versions).stages()] == ["train"]
    empty = project.run(["git", "commit-tree", "-m", "x", empty_tree(project)]).stdout.strip()
    with pytest.raises(ProjectError, match=r"has no dvc\.lock"):
        built("x", empty, versions)


def empty_tree(project: Project) -> str:
    return project.run("git hash-object -t tree -w /dev/null").stdout.strip()


def test_what_dvc_add_wrote(versions: Path) -> None:
    raw = (versions / "corpus.txt.dvc").read_bytes()
    md5 = hashlib.md5((versions / "corpus.txt").read_bytes()).hexdigest()
    assert lock.added(raw, "corpus.txt.dvc") == {"corpus.txt": (md5, 19)}
    assert lock.added(raw, "corpus.txt.dvc", "a/b") == {"a/b/corpus.txt": (md5, 19)}
    assert lock.added(None, "corpus.txt.dvc") == {}
    # What is imported without being fetched has no hash yet.
    assert lock.added(b"outs: [{path: a}]", "a.dvc") == {}
    with pytest.raises(DamagedError, match=r"corpus.txt.dvc of v1 cannot be read"):
        lock.added(b"outs: [7]", "corpus.txt.dvc of v1")


def test_what_is_at_a_url_has_its_etag_and_is_no_torn_file() -> None:
    entry = "    - path: s3://bucket/a.jsonl\n      hash: md5\n      etag: 0a1b-2\n      size: 7\n"
    raw = f"schema: '2.0'\nstages:\n  ingest:\n    cmd: x\n    deps:\n{entry}".encode()
    (stage,) = lock.parse(raw, "it").stages
    (dep,) = stage.deps
    assert (dep.path, dep.md5, dep.size, dep.is_external) == (
        "s3://bucket/a.jsonl",
        "0a1b-2",
        7,
        True,
    )
    assert lock.moved(lock.parse(raw, "it"), "sub", {}).stages[0].deps == (dep,)
