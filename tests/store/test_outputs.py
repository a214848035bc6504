"""The outputs that versions refer to, and the versions that refer to each."""

import shutil
from pathlib import Path

import pytest
from history import History
from project import Project

from stemma.store.errors import DamagedError
from stemma.store.outputs import Output, outputs
from stemma.store.version import built


def keys(found: dict[Output, object], path: str) -> set[str]:
    return {output.key for output in found if output.path == path}


def test_every_ref_has_its_outputs(versions: Path) -> None:
    found = outputs(versions)
    trained = {}
    for name in ("v1", "main"):
        (stage,) = built(name, name, versions).stages()
        trained[name] = next(out.md5 for out in stage.outs if out.path == "models/trained")
    by_key = {output.key: holders for output, holders in found.items()}
    assert by_key[trained["v1"]].names == ["v1"]
    assert by_key[trained["main"]].names == ["main"]
    assert len(keys(found, "models/trained")) == 4, "one in history only, and an experiment"
    between = next(one for one in found.values() if not one.refs)
    assert between.names == [between.newest[:10]]
    assert all(output.pushed for output in found)
    corpus = next(holders for output, holders in found.items() if output.path == "corpus.txt")
    assert corpus.names == ["main", "tried", "v1"]


def test_what_git_keeps_is_no_output(versions: Path) -> None:
    paths = {output.path for output in outputs(versions)}
    assert paths == {"models/trained", "corpus.txt"}


def test_what_only_a_reflog_reaches_is_not_kept(repo: Project) -> None:
    (repo.path / "corpus.txt").unlink()
    (repo.path / "corpus.txt").write_text("another text", encoding="utf-8")
    repo.run("dvc add -q corpus.txt")
    repo.commit("to be lost")
    repo.run("git reset -q --hard HEAD~1")
    assert len(keys(outputs(repo.path), "corpus.txt")) == 1
    found = outputs(repo.path, reflog=True)
    assert len(keys(found, "corpus.txt")) == 2
    kept = [one.kept for output, one in found.items() if output.path == "corpus.txt"]
    assert sorted(kept) == [False, True]


def test_what_a_stage_no_longer_makes_is_not_pushed(repo: Project) -> None:
    (repo.path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    repo.commit("no stage")
    repo.run("git tag -d v1")
    main = Project(repo.path).run("git rev-parse main").stdout.strip()
    (gone,) = [output for output, one in outputs(repo.path).items() if one.newest == main
               and output.path == "models/trained"]  # fmt: skip
    assert not gone.pushed


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("dvc.lock", "stages: [", r"dvc\.lock \(Git object \w+\) cannot be read"),
        ("dvc.lock", "<<<<<<< ours\n", r"dvc\.lock .* has the marks of an unfinished merge"),
        ("data.dvc", "outs: 7", r"data\.dvc .* cannot be read"),
    ],
)
def test_a_torn_file_is_named(tmp_path: Path, file: str, content: str, message: str) -> None:
    history = History(tmp_path / "h")
    history.commit({"models/trained": {"w": b"1"}})
    (history.root / file).write_text(content, encoding="utf-8")
    history.git("add", "-A")
    history.git("commit", "-qm", "torn")
    with pytest.raises(DamagedError, match=message) as caught:
        outputs(history.root)
    assert "--find-object=" in caught.value.hint


def test_a_project_in_a_folder_of_the_repository(repo: Project) -> None:
    (repo.path / "part").mkdir()
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copyfile(repo.path / name, repo.path / "part" / name)
    repo.commit("a part")
    assert {output.path for output in outputs(repo.path)} >= {"part/models/trained"}
