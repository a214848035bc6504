"""The section `votes` of a diff: votes between exactly these two versions, whatever names them."""

from pathlib import Path

import pytest
from refusing import run
from released import Released

from stemma.store.digest import digest_of, files_of
from stemma.store.naming import resolve
from stemma.store.votes import Choice, Side, Vote, keep, path_of


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Three versions; the first two are registered."""
    made = Released(tmp_path_factory.mktemp("voted") / "project")
    for bump in ("minor", "major", None):
        made.make()
        if bump:
            made.run("register", "--bump", bump)
    made.git("tag", "third")
    return made


@pytest.fixture(autouse=True)
def unvoted(released: Released) -> None:
    path_of(released.root).unlink(missing_ok=True)
    (released.root / "conf/serving.yaml").unlink(missing_ok=True)


def side(released: Released, name: str) -> Side:
    return Side(name, resolve(name, released.root).commit, None)


def vote(released: Released, a: Side, b: Side, *choices: Choice) -> None:
    for number, choice in enumerate(choices):
        known = f"{a.version} {b.version} {number} {len(choices)}"
        keep(path_of(released.root), Vote(known, "", a, b, choice, number % 2 == 0, "", None))


def names(released: Released) -> list[str]:
    return released.git("tag", "--list", "lm@*").split()


def diff(released: Released, a: str, b: str) -> dict:
    return released.json("diff", a, b, "--only", "votes")


def test_a_preference_that_is_real(released: Released):
    first, second = names(released)
    one, other = side(released, first), side(released, second)
    vote(released, one, other, *["b"] * 9, "equal", "a")
    vote(released, other, one, *["a"] * 5)
    vote(released, side(released, "third"), one, *["a"] * 7)
    found = diff(released, first, second)
    facts = found["sections"]["votes"]
    assert (facts["a"], facts["b"], facts["equal"], facts["votes"]) == (1, 14, 1, 16)
    assert found["verdict"] == (
        f"Votes: 14 of the 15 for either prefer {second} "
        "(93 %, 95 % 70 to 99 %, p < 0.001): real, and better."
    )
    turned = diff(released, second, first)
    assert turned["verdict"].endswith("(7 %, 95 % 1 to 30 %, p < 0.001): real, and worse.")
    page = run(released.root, "diff", first, second, "--only", "votes", "--markdown").stdout
    assert "| 14 |" in page and "Wilson" in page


def test_too_few_to_tell(released: Released):
    first, second = names(released)
    vote(released, side(released, first), side(released, second), "a", "b", "b")
    verdict = diff(released, first, second)["verdict"]
    assert verdict.endswith("p = 1.000): no preference that so many could show.")


def test_all_equal(released: Released):
    first, second = names(released)
    vote(released, side(released, first), side(released, second), "equal", "equal")
    assert diff(released, first, second)["verdict"] == "Votes: 2, of which none is for either."


def test_no_votes_are_nothing_to_compare(released: Released):
    first, second = names(released)
    assert diff(released, first, second)["sections"] == {}
    vote(released, side(released, first), side(released, "third"), "a")
    found = diff(released, first, second)
    assert found["sections"] == {} and found["equal"] == []


def test_votes_that_know_the_bytes_alone(released: Released, tmp_path: Path):
    first, _ = names(released)
    third = resolve("third", released.root)
    digest = digest_of(files_of(third, "models/exported"))
    vote(released, side(released, first), Side("exported", None, digest), "b", "b")
    assert diff(released, first, "third")["sections"]["votes"]["b"] == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in third.files("models/exported"):
        (folder / path).write_bytes(third.path("models/exported", path).read_bytes())
    assert diff(released, first, str(folder))["sections"]["votes"]["b"] == 2


def test_a_file_in_git_is_named_in_the_settings(released: Released):
    first, second = names(released)
    (released.root / "conf/serving.yaml").write_text("votes: reports/votes.jsonl\n")
    path = released.root / "reports/votes.jsonl"
    vote(released, side(released, first), side(released, second), "b")
    with path.open("ab") as handle:
        handle.write(b"torn")
    facts = diff(released, first, second)["sections"]["votes"]
    assert facts["b"] == 1 and facts["torn"] == [2]
    page = run(released.root, "diff", first, second, "--only", "votes").stdout
    assert "lines 2" in page
    path.unlink()


def test_an_unfinished_merge_stops(released: Released):
    first, second = names(released)
    path = path_of(released.root)
    path.parent.mkdir(exist_ok=True)
    path.write_text("<<<<<<< HEAD\n=======\n>>>>>>> other\n")
    done = run(released.root, "diff", first, second, "--only", "votes")
    assert done.exit_code == 1 and "unfinished merge" in done.stderr
