"""A commit, the working tree and a folder, read alike."""

import hashlib
import shutil
from pathlib import Path

import pytest
from project import Project

from stemma.store import lock
from stemma.store.errors import MissingError, ProjectError
from stemma.store.naming import Folder, ModelOutput, resolve
from stemma.store.version import Commit, Tree

WEIGHTS = "model.safetensors"


def test_a_commit_is_read_without_being_checked_out(versions: Path) -> None:
    first = resolve("v1", versions)
    assert isinstance(first, Commit)
    assert first.commit == Project(versions).run("git rev-parse v1").stdout.strip()
    assert first.read("params.yaml") == b"rate: 1\n"
    assert first.read("nothing") is None
    content = first.content("models/trained", WEIGHTS)
    assert content is not None
    assert hashlib.md5(content).hexdigest() == first.files("models/trained")[WEIGHTS]
    assert content != (versions / "models/trained" / WEIGHTS).read_bytes()
    assert first.content("models/trained", "nothing") is None
    assert first.files("models/nothing") == {}
    signed = first.signed()
    assert signed is not None
    assert signed["subject"] == "v1"


def test_the_working_tree_is_read_as_it_stands(repo: Project) -> None:
    tree, head = resolve(None, repo.path), resolve("HEAD", repo.path)
    assert tree.files("models/trained") == head.files("models/trained")
    assert tree.tracked() == head.tracked()
    (repo.path / "params.yaml").write_text("rate: 9\n", encoding="utf-8")
    assert tree.read("params.yaml") == b"rate: 9\n"
    assert tree.commit is tree.signed() is None
    shutil.rmtree(repo.path / "models/trained")
    with pytest.raises(MissingError, match="models/trained is not in the working tree"):
        Tree(repo.path).files("models/trained")


def test_a_file_in_the_middle_of_a_merge_is_refused(repo: Project) -> None:
    (repo.path / "params.yaml").write_text("<<<<<<< ours\nrate: 9\n", encoding="utf-8")
    with pytest.raises(ProjectError, match=r"params\.yaml has the marks of an unfinished merge"):
        resolve(None, repo.path).read("params.yaml")
    (repo.path / "notes.md").write_text("<<<<<<< is how Git marks it\n", encoding="utf-8")
    assert resolve(None, repo.path).read("notes.md"), "a text may speak of the marks"


def test_dvc_lock_is_parsed_once(versions: Path, monkeypatch) -> None:
    asked = []
    parse = lock.parse
    monkeypatch.setattr(
        "stemma.store.pipelines.parse", lambda *given: asked.append(given) or parse(*given)
    )
    version = resolve("v1", versions)
    assert version.stages() == version.stages() == version.lock.stages
    assert version.files("models/trained")
    assert len(asked) == 1


def test_what_dvc_add_keeps_is_an_output(repo: Project) -> None:
    version = resolve("v1", repo.path)
    assert version.content("corpus.txt", "") == b"To be, or not to be"
    assert resolve("v1:corpus.txt", repo.path).files("models/trained") == version.files(
        "corpus.txt"
    )


def test_an_output_of_a_version_is_a_model_of_its_own(versions: Path) -> None:
    whole, part = resolve("v1", versions), resolve("v1:models/trained/", versions)
    assert isinstance(part, ModelOutput)
    assert part.files("models/trained") == whole.files("models/trained")
    assert part.content("models/trained", "config.json") == b"{}"
    assert part.read("params.yaml") is None
    with pytest.raises(ProjectError, match="v1 has no output models/none"):
        resolve("v1:models/none", versions)


def test_a_folder_stands_for_the_model(versions: Path, tmp_path: Path) -> None:
    shutil.copytree(versions / "models/trained", tmp_path / "model")
    folder = resolve(str(tmp_path / "model"), versions)
    assert isinstance(folder, Folder)
    assert not folder.has_reports
    assert folder.files(folder.declared.trained) == resolve("HEAD", versions).files(
        "models/trained"
    )
    assert folder.files("data/raw") == {}
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProjectError, match="is no folder with a model"):
        resolve(str(tmp_path / "empty"), versions)


def test_an_experiment_is_a_version_and_a_typo_is_none(versions: Path) -> None:
    assert resolve("tried", versions).read("params.yaml") == b"rate: 4\n"
    with pytest.raises(ProjectError, match="'tired' is no commit, experiment or folder"):
        resolve("tired", versions)


def test_before_the_first_commit_it_says_so(tmp_path: Path) -> None:
    Project(tmp_path).run("git init -q")
    with pytest.raises(ProjectError, match="there is no commit yet"):
        resolve("HEAD", tmp_path)
