"""A version is what was committed, whatever Git makes of line endings at a checkout."""

import json
from pathlib import Path

import pytest
from project import ROOT, Project

from stemma.hashes import hashes_of, name_of
from stemma.versions.verification import line_endings
from stemma.versions.verification.line_endings import (
    CRLF,
    LF,
    explain,
    same_but_for_them,
    with_endings,
)

INGEST = "src/stemma/stages/ingest.py"


def verify(project: Project, stage: str = "ingest") -> tuple[dict, list[str]]:
    done = project.run(f"stemma verify --json --stage {stage}", check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    return report, report["remarks"]


def from_before(project: Project) -> None:
    """Make it a project that has no .gitattributes."""
    project.run("git rm -q .gitattributes")
    project.run("git commit -qm before")


def check_out_anew(project: Project) -> None:
    listed = project.run("git ls-files").stdout.split()
    for file in listed:
        (project.path / file).unlink()
    project.run("git checkout -q -- .")


ASKED = {
    "core.autocrlf": lambda project: project.run("git config core.autocrlf true"),
    "core.eol": lambda project: [
        project.run("git config core.eol crlf"),
        (project.path / ".git/info/attributes").write_text("* text=auto\n"),
    ],
    "attributes of the user": lambda project: [
        (project.path / ".git/global").write_text("* text eol=crlf\n"),
        project.run(["git", "config", "core.attributesFile", str(project.path / ".git/global")]),
    ],
    "attributes of the clone": lambda project: (project.path / ".git/info/attributes").write_text(
        "*.py text eol=crlf\n"
    ),
    "a sparse checkout": lambda project: project.run("git sparse-checkout set .dvc docs"),
}


@pytest.mark.parametrize("how", ASKED)
def test_verify_does_not_care_what_the_user_wants_checked_out(project: Project, how: str):
    from_before(project)
    ASKED[how](project)
    report, _ = verify(project)
    assert (report["verdict"], report["findings"]) == ("exact", [])


def test_a_version_that_was_made_with_carriage_returns(project: Project):
    from_before(project)
    project.run("git config core.autocrlf true")
    # The texts stay: those with carriage returns would make other documents.
    (project.path / ".git/info/attributes").write_text("data/input/* -text\n")
    check_out_anew(project)
    code = project.path / INGEST
    assert b"\r\n" in code.read_bytes()
    project.run("dvc commit -q --force")
    project.commit("dvc.lock names files that Git holds otherwise")
    report, remarks = verify(project)
    assert (report["verdict"], report["findings"]) == ("exact", [])
    assert "line endings: dvc.lock names " in remarks[0]
    assert "`* -text` in .gitattributes" in remarks[0]
    # A file that a stage writes comes out as it writes it.
    report, _ = verify(project, "compose")
    assert report["verdict"] == "equivalent"
    notes = {row["output"]: row["note"] for row in report["rows"]}
    assert notes["params.yaml"] == "only line endings differ"
    assert report["findings"][0]["cause"] == "line endings"


def test_a_change_of_text_beside_one_of_line_endings_is_a_change(project: Project):
    from_before(project)
    code = project.path / INGEST
    code.write_bytes(code.read_bytes().replace(LF, CRLF) + b"LATER = True\r\n")
    project.commit("Code that the lock does not know")
    report, remarks = verify(project)
    assert (report["verdict"], remarks) == ("different", [])
    assert f"code.lock has other code: {INGEST}" in report["findings"][0]["evidence"]


def test_with_attributes_a_clone_is_fresh_whatever_the_user_wants(project: Project, tmp_path: Path):
    shipped = (ROOT / ".gitattributes").read_text()
    assert "\n* -text\n" in shipped
    words = ["git", "clone", "-q", "-c", "core.autocrlf=true", str(project.path)]
    project.run([*words, str(tmp_path / "clone")])
    for file in project.run("git ls-files").stdout.split():
        assert (tmp_path / "clone" / file).read_bytes() == (project.path / file).read_bytes()


def test_settings_that_git_gave_other_line_endings_have_not_drifted(project: Project):
    from_before(project)
    project.run("git config core.autocrlf true")
    check_out_anew(project)
    assert b"\r\n" in (project.path / "conf/config.yaml").read_bytes()
    assert "is what conf/ composes to" in project.run("stemma compose --check").stdout


@pytest.mark.parametrize("chunk", [1, 2, 3, 2**20])
def test_texts_are_rewritten_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int):
    monkeypatch.setattr(line_endings, "_CHUNK", chunk)
    for content in (b"", b"one", b"one\r", b"one\n", b"one\r\ntwo\n", b"\r\r\n\n"):
        (tmp_path / "text").write_bytes(content)
        lines = content.replace(CRLF, LF)
        assert b"".join(with_endings(LF, tmp_path / "text")) == lines
        assert b"".join(with_endings(CRLF, tmp_path / "text")) == lines.replace(LF, CRLF)


def test_what_is_no_text_stays_as_it_is(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "image").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (folder / "text").write_bytes(b"a\r\n")
    was = name_of(hashes_of(folder))
    (folder / "text").write_bytes(b"a\n")
    assert explain(folder, was)
    (folder / "image").write_bytes(b"\x89PNG\n\x1a\n\0")
    assert not explain(folder, was)
    one, other = tmp_path / "one", tmp_path / "other"
    for ours, theirs, same in (
        (b"a\nb\n", b"a\r\nb\n", True),
        (b"a\nb\n", b"a\nb", False),
        (b"a\n", b"a\n\n", False),
        (b"\0\n", b"\0\r\n", False),
    ):
        one.write_bytes(ours)
        other.write_bytes(theirs)
        assert same_but_for_them(one, other) is same
