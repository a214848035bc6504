"""A consumer gets the bytes of the tag, or is told by name what is wrong with them."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from refusing import refused, run
from released import Released

from stemma.hashes import md5_of


@pytest.fixture
def released(tmp_path: Path) -> Released:
    made = Released(tmp_path / "project")
    made.in_prod()
    return made


@pytest.fixture
def user(released: Released, tmp_path: Path) -> Path:
    """A folder of somebody who uses the model, with no cache of its own."""
    folder = tmp_path / "user"
    folder.mkdir()
    shutil.rmtree(released.root / ".dvc/cache")
    return folder


def lock(user: Path) -> dict:
    return yaml.safe_load((user / "stemma.lock").read_text())["lm"]


def test_the_greatest_version_that_may_be_used(released: Released, user: Path):
    second = released.candidate()
    released.make()
    released.run("register", "--version", "9.0.0-rc.1")
    repo = str(released.root)
    run(user, "fetch", "lm", "--repo", repo)
    assert lock(user)["version"] == second
    released.run("recall", second, "--why", "leaks")
    run(user, "fetch", "lm")
    assert lock(user)["version"] == "v1.0.0", "the repository is remembered"


def test_frozen_takes_what_is_pinned(released: Released, user: Path):
    repo = str(released.root)
    run(user, "fetch", "lm#prod", "--repo", repo, "--into", "models/lm")
    before = lock_text = (user / "stemma.lock").read_text()
    released.run("promote", released.candidate(), "prod")
    shutil.rmtree(user / "models")
    assert "lm@v1.0.0 fetched: models/lm" in run(user, "fetch", "--frozen").stdout
    assert before == lock_text == (user / "stemma.lock").read_text()
    run(user, "fetch", "lm#prod")
    assert "version: v1.1.0" in (user / "stemma.lock").read_text()


def test_frozen_refuses_what_was_recalled(released: Released, user: Path):
    run(user, "fetch", "lm#prod", "--repo", str(released.root))
    released.run("recall", "v1.0.0", "--why", "leaks")
    assert "was recalled by Test: leaks" in refused(user, "fetch", "--frozen")


def test_frozen_refuses_a_tag_that_was_moved(released: Released, user: Path):
    run(user, "fetch", "lm#prod", "--repo", str(released.root))
    other = released.make()
    released.git("tag", "-f", "-a", "-m", "moved", "lm@v1.0.0", other)
    line = refused(user, "fetch", "--frozen")
    assert "the tag was moved" in line and other[:10] in line


def test_frozen_refuses_a_tag_that_was_written_anew(released: Released, user: Path):
    run(user, "fetch", "lm#prod", "--repo", str(released.root))
    text = released.git("for-each-ref", "--format=%(contents)", "refs/tags/lm@v1.0.0")
    text = text.replace('"digest": "', '"digest": "0')
    released.git("tag", "-f", "-a", "-m", text, "lm@v1.0.0", "lm@v1.0.0^{commit}")
    assert "was written anew" in refused(user, "fetch", "--frozen")


def swapped(released: Released, file: str, content: bytes, version: str = "v1.0.0") -> None:
    """Swap a file of the export in the remote, its listing with it, as who can write there may."""
    lock = yaml.safe_load(released.git("show", f"lm@{version}:dvc.lock"))
    md5 = lock["stages"]["made"]["outs"][4]["md5"]
    listing = released.store / "files/md5" / md5[:2] / md5[2:]
    entries = [one for one in json.loads(listing.read_text()) if one["relpath"] != file]
    if content:
        key = md5_of(content)
        path = released.store / "files/md5" / key[:2] / key[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        entries.append({"md5": key, "relpath": file})
    listing.write_text(json.dumps(sorted(entries, key=lambda one: one["relpath"])))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", b"other weights", "model.safetensors has other bytes"),
        ("config.json", b"{}", "config.json has other bytes"),
        ("extra.py", b"import os", "extra.py is too many"),
        ("tokenizer.json", b"", "tokenizer.json has other bytes"),
    ],
    ids=["weights", "config", "a file too many", "a file too few"],
)
def test_bytes_that_are_not_those_of_the_tag(
    released: Released, user: Path, file: str, content: bytes, said: str
):
    swapped(released, file, content)
    line = refused(user, "fetch", "lm#prod", "--repo", str(released.root))
    assert "are not those of its tag" in line and said in line
    assert [*user.iterdir()] == [], "nothing is half-written"


def test_what_lay_there_stays_where_the_new_is_refused(released: Released, user: Path):
    run(user, "fetch", "lm#prod", "--repo", str(released.root))
    before = {path.name: path.read_bytes() for path in (user / "lm").iterdir()}
    pins = (user / "stemma.lock").read_bytes()
    second = released.candidate()
    released.run("promote", second, "prod")
    shutil.rmtree(released.root / ".dvc/cache")
    swapped(released, "model.safetensors", b"other weights", second)
    assert "are not those of its tag" in refused(user, "fetch", "lm#prod")
    assert {path.name: path.read_bytes() for path in (user / "lm").iterdir()} == before
    assert (user / "stemma.lock").read_bytes() == pins


def test_an_edited_copy_is_fetched_anew(released: Released, user: Path):
    run(user, "fetch", "lm#prod", "--repo", str(released.root))
    (user / "lm/config.json").write_text("edited")
    assert "lm@v1.0.0 fetched" in run(user, "fetch", "--frozen").stdout
    assert "llama" in (user / "lm/config.json").read_text()


def test_a_folder_of_the_users_own_is_not_touched(released: Released, user: Path):
    (user / "lm").mkdir()
    (user / "lm/mine").write_text("mine")
    line = refused(user, "fetch", "lm#prod", "--repo", str(released.root))
    assert "lm is there, and is not from `stemma fetch` (--into DIR" in line
    assert (user / "lm/mine").read_text() == "mine"


def test_bytes_that_are_nowhere(released: Released, user: Path):
    shutil.rmtree(released.store)
    line = refused(user, "fetch", "lm#prod", "--repo", str(released.root))
    assert "cannot be fetched" in line and "has it been pushed there (`dvc push`)" in line


def test_what_users_mistype(released: Released, user: Path):
    repo = str(released.root)
    assert "from which repository?" in refused(user, "fetch", "lm")
    assert "which model?" in refused(user, "fetch")
    assert "does not pin anything" in refused(user, "fetch", "--frozen")
    assert "no version of 'ml'" in refused(user, "fetch", "ml", "--repo", repo)
    assert "lm has no version v7.0.0" in refused(user, "fetch", "lm@v7.0.0", "--repo", repo)
    assert "nothing stands on live" in refused(user, "fetch", "lm#live", "--repo", repo)
    (user / "stemma.lock").write_text("lm: [1, 2]")
    assert "stemma.lock cannot be read" in refused(user, "fetch", "--frozen")


def test_what_the_project_that_fetches_asks(released: Released, user: Path):
    (user / "conf").mkdir()
    asked = user / "conf/registry.yaml"
    asked.write_text("require: signed\nkeys: []\nstages: {}\n")
    words = ["fetch", "lm#prod", "--repo", str(released.root)]
    assert "which keys count?" in refused(user, *words)
    (user / "release.pub").write_text("no key")
    asked.write_text("require: signed\nkeys: [release.pub]\nstages: {}\n")
    assert "lm@v1.0.0 is not signed" in refused(user, *words)
    assert run(user, *words, "--require", "evidence").exit_code == 0


def test_a_version_that_gto_registered(released: Released, user: Path, tmp_path: Path):
    commit = released.make()
    released.git("tag", "-a", "-m", "by hand", "lm@v7.0.0", commit)
    repo = str(released.root)
    assert "lm@v7.0.0 has no evidence" in refused(user, "fetch", "lm@v7.0.0", "--repo", repo)
    for stage in ("staging", "prod"):
        released.run("promote", "v7.0.0", stage)
    run(user, "fetch", "lm#prod", "--repo", repo)
    assert lock(user)["version"] == "v7.0.0"
