"""Tags as Git keeps them: annotated, lightweight, on what is no commit, dated as is said."""

from pathlib import Path

import pytest
from history import History

from stemma.store import events, tags
from stemma.store.errors import ProjectError


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History(tmp_path / "project")
    made.git("config", "user.name", "Ada")
    made.git("config", "user.email", "ada@example.org")
    made.commit({"models/trained": {"weights": b"1"}})
    return made


def test_what_is_written_is_read(history: History):
    commit = history.git("rev-parse", "HEAD")
    text = "Line one\n\n# no comment\nüber alles\n"
    tags.write("lm@v1.0.0", commit, text, 1_700_000_000, history.root)
    history.git("tag", "light")
    history.git("tag", "tree", "HEAD^{tree}")
    history.git("tag", "-a", "-m", "of a tag", "nested", "lm@v1.0.0")
    found = {one.name: one for one in tags.read(history.root)}
    assert set(found) == {"lm@v1.0.0", "light"}, "a tag of a tag or of a tree is none on a commit"
    one = found["lm@v1.0.0"]
    assert (one.commit, one.time, one.by) == (commit, 1_700_000_000, "Ada")
    assert one.message == text
    assert found["light"].message is None and found["light"].commit == commit


def test_one_of_the_name_is_there(history: History):
    history.git("tag", "v1")
    with pytest.raises(ProjectError, match="tag 'v1' already exists"):
        tags.write("v1", "HEAD", "again", 1, history.root)


def test_the_remote_that_is_asked(history: History):
    assert tags.remote_of(history.root) is None
    history.git("remote", "add", "one", "nowhere")
    assert tags.remote_of(history.root) == "one"
    history.git("remote", "add", "two", "nowhere")
    assert tags.remote_of(history.root) is None
    history.git("config", "branch.main.remote", "two")
    assert tags.remote_of(history.root) == "two"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("register", "lm", "v1.0.0"), "lm@v1.0.0"),
        (("assign", "sub:lm", "", "prod", 12), "sub=lm#prod#12"),
        (("recall", "lm", "v1.0.0"), "stemma/lm/v1.0.0/recall"),
        (("approval", "sub/dir:lm", "v1.0.0", "prod", 0, "ada"),
         "stemma/sub/dir=lm/v1.0.0/approval/prod/ada"),
        (("signature", "lm", "v1.0.0-rc.1", "", 0, "0f"), "stemma/lm/v1.0.0-rc.1/signature/0f"),
    ],
)  # fmt: skip
def test_names_are_read_as_they_are_written(history: History, words: tuple, name: str):
    assert events.name_of(*words) == name
    tags.write(name, "HEAD", events.message("S", ["a line"], {"x": "ü"}), 5, history.root)
    (found,) = events.read(history.root)
    kind, artifact, version, stage, counter, who = (*words, *("", "", 0, "")[len(words) - 2 :])
    read = (found.kind, found.artifact, found.version or "", found.stage or "")
    assert read == (kind, artifact, version, stage)
    assert (found.counter, found.who) == (counter, who)
    assert found.evidence == {"x": "ü"}


@pytest.mark.parametrize(
    "text", [None, "", "no trailer", "Stemma-Evidence: {torn", "Stemma-Evidence: 3"]
)
def test_evidence_that_is_none(text: str | None):
    assert events.evidence_in(text) == {}
