"""Packages that environment.lock declares, under the Python that it declares."""

from pathlib import Path

from stemma.store.version import Tree
from stemma.versions.differences.environment import compare
from stemma.versions.differences.section import Alike

LOCK = (
    "python==3.11.*\nnumpy==1.0 ; python_version < '3.12'\nnumpy==2.0 ; python_version >= '3.12'\n"
)


def tree(folder: Path, lock: str) -> Tree:
    folder.mkdir()
    (folder / "environment.lock").write_text(lock)
    return Tree(folder)


def test_what_is_for_another_python_is_no_change(tmp_path: Path) -> None:
    a = tree(tmp_path / "a", LOCK)
    assert compare(a, tree(tmp_path / "b", LOCK.replace("2.0", "2.1"))) is Alike.EQUAL
    found = compare(a, tree(tmp_path / "c", LOCK.replace("1.0", "1.1")))
    assert found and found.facts == {"numpy": {"a": "1.0", "b": "1.1"}}
    assert found.words == ("Another environment: numpy 1.0 → 1.1.",)


def test_many_packages_are_counted(tmp_path: Path) -> None:
    many = "".join(f"package-{index}==1\n" for index in range(9))
    found = compare(tree(tmp_path / "a", many), tree(tmp_path / "b", many.replace("==1", "==2")))
    assert found and found.words[0].endswith("package-3 1 → 2 and 5 more.")
    assert len(found.facts) == 9
