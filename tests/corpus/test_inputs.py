"""What stands below data/input: read, or named, but never left out without a word."""

import os
import subprocess
from pathlib import Path

import pytest

from stemma.corpus import inputs
from stemma.errors import SourceError, boundary
from stemma.layout import INPUT


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / INPUT / "books").mkdir(parents=True)
    (tmp_path / "elsewhere/deep er").mkdir(parents=True)
    (tmp_path / "elsewhere/deep er/far.txt").write_text("far")
    monkeypatch.chdir(tmp_path)
    (INPUT / "books/a.txt").write_text("a")


def named():
    with pytest.raises(SourceError) as error:
        inputs.files(INPUT)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_links_to_files_are_files_and_what_is_hidden_is_none():
    (INPUT / "books/far.txt").symlink_to(Path("elsewhere/deep er/far.txt").absolute())
    (INPUT / ".hidden").symlink_to("nowhere")
    (INPUT / ".git").mkdir()
    (INPUT / ".git/x").write_text("x")
    (INPUT / "books.txt").write_text("b")
    assert [path.as_posix() for path in inputs.files(INPUT)] == [
        "data/input/books.txt", "data/input/books/a.txt", "data/input/books/far.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("link", ["corpus", "books/corpus"])
def test_a_link_to_a_folder_is_named_and_the_remedy_lets_its_files_be_read(link):
    (INPUT / link).symlink_to(Path("elsewhere").absolute())
    line = named()
    assert f"data/input/{link} is a link to a folder, and DVC sees no change behind one" in line
    command = line.split("`")[1]
    subprocess.run(["bash", "-c", command], check=True)
    assert INPUT / link / "deep er/far.txt" in inputs.files(INPUT)


@pytest.mark.parametrize("target", ["nowhere", "loop"])
def test_a_link_to_nothing_is_named(target):
    (INPUT / "loop").symlink_to(target)
    assert named().startswith("data/input/loop is a link to nothing")


@pytest.mark.parametrize("target", [".", "..", "../books"])
def test_a_link_in_a_circle_is_named(target):
    (INPUT / "books/loop").symlink_to(target)
    assert named().startswith("data/input/books/loop is a link to a folder")


def test_what_is_no_file_is_named():
    os.mkfifo(INPUT / "books/pipe.txt")
    assert named().startswith("data/input/books/pipe.txt is neither a file nor a folder")


def test_a_dvc_project_inside_is_named():
    (INPUT / "books/.dvc").mkdir()
    assert named().startswith("data/input/books is a DVC project of its own")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, capsys):
    (INPUT / "books").chmod(0)
    was = os.geteuid()
    tmp_path.chmod(0o755)
    if was == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(SystemExit), boundary("stemma ingest"):
            inputs.files(INPUT)
    finally:
        os.seteuid(was)
    assert "Permission denied at data/input/books" in capsys.readouterr().err


def test_data_input_itself_may_be_a_link():
    INPUT.rename("moved")
    INPUT.symlink_to(Path("moved").absolute())
    assert inputs.files(INPUT) == [INPUT / "books/a.txt"]
    assert inputs.below("data/input/books/", "key", "") == INPUT / "books"


@pytest.mark.parametrize(
    "name", ["data/input/books", "./data/input/books", "data/input/x/../books", "data//input/books"]
)
def test_a_path_below_data_input_is_taken_as_it_is_written(name):
    assert inputs.below(name, "key", "") == INPUT / "books"
    assert inputs.below(str(Path(name).absolute()), "key", "") == INPUT / "books"


def test_a_path_through_a_linked_folder_is_refused():
    (INPUT / "corpus").symlink_to(Path("elsewhere").absolute())
    for name in ("data/input/corpus", "data/input/corpus/deep er/far.txt"):
        with pytest.raises(SourceError, match="data/input/corpus is a link to a folder"):
            inputs.below(name, "key", "")
