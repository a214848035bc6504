"""fsck: every fault is found and named with its version, and mended from the other side."""

import ctypes
import http.server
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from project import Project, environment

from stemma.files import read_json

WEIGHTS = "models/trained/model.safetensors"


def objects(store: Path) -> Path:
    return store / "files/md5"


def cache(repo: Project) -> Path:
    return repo.path / ".dvc/cache"


def key_of(repo: Project, revision: str) -> str:
    """The name of the listing of models/trained at a revision."""
    lock = repo.run(["git", "show", f"{revision}:dvc.lock"]).stdout
    return next(word for word in lock.split() if word.endswith(".dir"))


def place(store: Path, key: str) -> Path:
    return objects(store) / key[:2] / key[2:]


def weights(repo: Project, revision: str, store: Path | None = None) -> Path:
    """The object of the weights of a revision, in the cache or another store."""
    listing = read_json(place(cache(repo), key_of(repo, revision)))
    key = next(item["md5"] for item in listing if item["relpath"] == "model.safetensors")
    return place(store or cache(repo), key)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def fsck(repo: Project, *options: str) -> tuple[int, dict]:
    done = repo.run(["stemma", "fsck", "--json", *options], check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def problems(report: dict) -> list[tuple[str, str, str, list[str]]]:
    """ObjectStore, state, file and versions, a row for each use."""
    return [
        (problem["store"], problem["state"], f"{use['output']}/{use['file']}", use["versions"])
        for problem in report["problems"]
        for use in problem["uses"]
    ]


def partials(store: Path) -> list[Path]:
    return list(objects(store).rglob("*.partial"))


def test_all_is_sound_and_each_object_is_read_once(repo, tmp_path):
    code, report = fsck(repo, "--remote", "store")
    assert (code, report["problems"]) == (0, [])
    # Four listings and weights, one configuration that they share, one corpus.
    assert report["objects"] == 10
    assert report["checked"] == {"cache": 10, "store": 10}
    size = sum(file.stat().st_size for file in objects(cache(repo)).rglob("*") if file.is_file())
    assert report["bytes"] == {"cache": size, "store": size}


@pytest.mark.parametrize(
    ("revision", "version"), [("v1", "v1"), ("HEAD", "main"), ("HEAD~1", ""), ("exp", "tried")]
)
def test_a_flipped_byte_is_named_with_its_version(repo, revision, version):
    if revision == "exp":
        revision = repo.run("git for-each-ref --format=%(objectname) refs/exps/*/*/*").stdout
        revision = revision.strip()
    sound = weights(repo, revision).read_bytes()
    flip(weights(repo, revision))
    code, report = fsck(repo)
    version = version or repo.run(["git", "rev-parse", revision]).stdout[:10]
    assert problems(report) == [("cache", "damaged", WEIGHTS, [version])]
    assert code == 1
    code, report = fsck(repo, "--remote", "store", "--repair")
    assert (code, report["problems"][0]["repair"]) == (0, "repaired")
    assert weights(repo, revision).read_bytes() == sound
    assert stat.S_IMODE(weights(repo, revision).stat().st_mode) == 0o444
    assert fsck(repo)[0] == 0


def test_the_table_fits_80_columns(repo):
    repo.run(["git", "tag", "a-tag-with-a-name-that-is-longer-than-most-names-of-tags", "v1"])
    flip(weights(repo, "v1"))
    done = repo.run("stemma fsck", check=False)
    assert max(map(len, done.stdout.splitlines())) <= 80
    for word in ("damaged", "v1", "--repair"):
        assert word in done.stdout


def test_a_truncated_object_of_the_remote_is_mended_from_the_cache(repo, tmp_path):
    path = weights(repo, "v1", tmp_path / "store")
    path.chmod(0o644)
    os.truncate(path, 1000)
    code, report = fsck(repo, "--remote", "store")
    assert (code, problems(report)) == (1, [("store", "damaged", WEIGHTS, ["v1"])])
    assert fsck(repo, "--remote", "store", "--repair")[0] == 0
    assert path.read_bytes() == weights(repo, "v1").read_bytes()


def test_a_missing_object_is_known_by_its_listing(repo):
    weights(repo, "v1").unlink()
    code, report = fsck(repo)
    assert (code, problems(report)) == (1, [("cache", "missing", WEIGHTS, ["v1"])])
    assert fsck(repo, "--remote", "store", "--repair")[0] == 0
    assert weights(repo, "v1").exists()


def test_a_missing_listing(repo):
    listing = place(cache(repo), key_of(repo, "v1"))
    listing.unlink()
    # The remote has it, so `dvc pull` brings it: absent, as in a clone that never had it.
    code, report = fsck(repo, "--remote", "store")
    assert (code, report["absent"], report["problems"]) == (0, 1, [])
    repo.run("git config --file .dvc/config --remove-section remote.store", check=False)
    (repo.path / ".dvc/config").write_text("")
    (repo.path / ".dvc/config.local").write_text("")
    code, report = fsck(repo)
    assert (code, problems(report)) == (1, [("cache", "missing", "models/trained/", ["v1"])])


def test_a_damaged_listing_is_mended_and_hides_nothing(repo):
    flip(weights(repo, "v1"))
    flip(place(cache(repo), key_of(repo, "v1")))
    code, report = fsck(repo, "--remote", "store", "--repair")
    assert {row[2] for row in problems(report)} == {"models/trained/", WEIGHTS}
    assert code == 0
    assert fsck(repo)[0] == 0


def test_a_fresh_clone_has_nothing_and_is_not_damaged(repo, tmp_path):
    repo.run(["git", "clone", "-q", str(repo.path), str(tmp_path / "clone")])
    clone = Project(tmp_path / "clone")
    code, report = fsck(clone)
    assert (code, report["checked"], report["problems"]) == (3, {"cache": 0}, [])
    assert report["absent"] == report["unread"] == report["objects"] > 0
    assert report["sound"] is None
    said = clone.run("stemma fsck", check=False).stdout
    # Files of folders are not known before their listings are. The clone has no experiment.
    assert said.splitlines() == [
        "cache: 0 of 4 objects there, 0.0 MB read",
        "nothing was checked: none of 4 objects is in the cache",
        "not counted: the files of 3 folders of which no sound listing was read",
        "not looked at: store (`stemma fsck --remote NAME` reads one too)",
        "`dvc fetch --all-commits` brings what the default remote has.",
    ]
    assert (report["unlisted"], report["unasked"]) == (3, ["store"])
    clone.run(["dvc", "remote", "modify", "--local", "store", "url", str(tmp_path / "store")])
    assert fsck(clone, "--remote", "store")[0] == 0
    # A part of it: what was pulled is sound, of the rest nothing is known.
    clone.run("dvc pull -q")
    done = clone.run("stemma fsck", check=False)
    assert done.returncode == 3
    assert "\nwhat was read is sound\nnot read: 2 objects of 6, not in the cache\n" in done.stdout
    assert "of 2 folders of which no sound listing was read" in done.stdout
    # What neither side has is lost.
    weights(repo, "v1", tmp_path / "store").unlink()
    code, report = fsck(clone, "--remote", "store")
    assert code == 1
    assert ("cache", "missing", WEIGHTS, ["v1"]) in problems(report)


def delete(repo: Project, revision: str, *stores: Path) -> None:
    """Delete the listing and the weights of a revision."""
    for path in [weights(repo, revision, store) for store in stores]:
        path.unlink()
    for store in stores:
        place(store, key_of(repo, revision)).unlink()


def test_what_only_history_needs_and_nobody_has_is_not_called_sound(repo, tmp_path):
    # v2: neither a tag, nor a branch, nor an experiment has it.
    delete(repo, "HEAD~1", cache(repo), tmp_path / "store")
    code, report = fsck(repo, "--remote", "store")
    assert (code, report["sound"], report["problems"]) == (3, None, [])
    assert (report["unread"], report["unlisted"], report["unasked"]) == (1, 1, [])
    said = repo.run("stemma fsck --remote store", check=False).stdout.splitlines()
    assert said[2:] == [
        "what was read is sound",
        "not read: 1 object of 9, not in the cache or store",
        "not counted: the files of 1 folder of which no sound listing was read",
        "What was not read, only history needs, or `dvc push` does not send.",
    ]


def test_without_any_remote_none_is_named(repo):
    delete(repo, "HEAD~1", cache(repo))
    for file in ("config", "config.local"):
        (repo.path / ".dvc" / file).write_text("")
    done = repo.run("stemma fsck", check=False)
    assert done.returncode == 3
    assert "--remote" not in done.stdout and "dvc fetch" not in done.stdout
    weights(repo, "v1").unlink()
    done = repo.run("stemma fsck", check=False)
    assert done.returncode == 1
    assert "--remote" not in done.stdout and "`dvc repro` at that version" in done.stdout
    # What is lost is told apart from what nothing is known of.
    shutil.rmtree(cache(repo))
    done = repo.run("stemma fsck", check=False)
    assert done.returncode == 1
    assert "\nnot sound: 4 objects\nnot read: 1 object of 5, not in the cache\n" in done.stdout


def test_what_is_never_pushed_is_not_called_sound_where_it_is_not(repo, tmp_path):
    pipeline = repo.path / "dvc.yaml"
    kept_here = pipeline.read_text().replace("models/trained,", "models/trained: {push: false},")
    pipeline.write_text(kept_here)
    repo.run("git tag -d v1")
    repo.run("git checkout -q --orphan alone")
    repo.commit("Weights stay here")
    clone = Project(tmp_path / "clone")
    repo.run(["git", "clone", "-q", "--single-branch", str(repo.path), str(clone.path)])
    clone.run(["dvc", "remote", "modify", "--local", "store", "url", str(tmp_path / "store")])
    clone.run("dvc fetch -q corpus.txt.dvc")
    code, report = fsck(clone)
    assert report["checked"] == {"cache": 1} and report["unread"] == report["objects"] - 1 == 1
    assert (code, report["sound"], report["problems"]) == (3, None, [])


def test_a_remote_that_was_not_looked_at_may_have_what_another_lacks(repo, tmp_path):
    repo.run(["dvc", "remote", "add", "-q", "--local", "shelf", str(tmp_path / "shelf")])
    delete(repo, "v1", cache(repo))
    code, report = fsck(repo, "--remote", "shelf")
    assert (code, report["unasked"]) == (1, ["store"])
    assert {problem["state"] for problem in report["problems"]} == {"absent"}
    assert {problem["store"] for problem in report["problems"]} == {"shelf"}
    # It is there, and was lost nowhere.
    code, report = fsck(repo, "--remote", "store")
    assert (code, report["problems"], report["absent"]) == (0, [], 2)
    said = repo.run("stemma fsck --remote store", check=False).stdout
    assert "2 objects not in the cache: `dvc fetch --all-commits --remote store` brings" in said
    assert "not looked at: shelf" in said
    repo.run("dvc fetch -q --all-commits --remote store")
    assert fsck(repo)[1]["absent"] == 0


def test_where_no_version_has_an_object_nothing_is_called_sound(tmp_path):
    project = Project(tmp_path)
    project.run("git init -q")
    project.run("dvc init -q")
    project.commit("Nothing yet")
    done = project.run("stemma fsck", check=False)
    assert (done.returncode, done.stdout.split(":")[-2:]) == (
        3,
        [
            " 0 of 0 objects there, 0.0 MB read\nnothing to check",
            " no version refers to an object\n",
        ],
    )


def test_what_was_never_pushed_is_absent_from_the_remote(repo, tmp_path):
    shutil.rmtree(tmp_path / "store")
    code, report = fsck(repo, "--remote", "store")
    assert code == 1
    assert {problem["state"] for problem in report["problems"]} == {"absent"}
    assert "`dvc push`" in repo.run("stemma fsck --remote store", check=False).stdout
    # v2 is in the history only, which need not be pushed.
    assert report["objects"] - len(report["problems"]) == 2


def test_damage_on_both_sides_is_not_mended(repo, tmp_path):
    flip(weights(repo, "v1"))
    flip(weights(repo, "v1", tmp_path / "store"))
    before = weights(repo, "v1").read_bytes()
    code, report = fsck(repo, "--remote", "store", "--repair")
    assert code == 1
    assert [p["repair"] for p in report["problems"]] == [
        "no sound copy in store",
        "no sound copy in cache",
    ]
    assert weights(repo, "v1").read_bytes() == before
    assert partials(cache(repo)) == []


def repair_under(repo: Project, limit) -> dict:
    command = ["stemma", "fsck", "--json", "--remote", "store", "--repair"]
    done = subprocess.run(
        command, cwd=repo.path, env=environment(), stdout=-1, check=False, preexec_fn=limit
    )
    assert done.returncode == 1
    return json.loads(done.stdout)["problems"][0]


def test_a_full_disk_leaves_the_old_bytes(repo):
    path = weights(repo, "v1")
    flip(path)
    before = path.read_bytes()
    half = len(before) // 2
    said = repair_under(repo, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (half, half)))
    assert said["repair"] == "not repaired, File too large"
    assert path.read_bytes() == before
    assert partials(cache(repo)) == []


def test_a_read_only_cache_leaves_the_old_bytes(repo):
    path = weights(repo, "v1")
    flip(path)
    before = path.read_bytes()
    path.parent.chmod(0o555)
    # PR_CAPBSET_DROP CAP_DAC_OVERRIDE: permissions hold for root too.
    said = repair_under(repo, lambda: ctypes.CDLL(None).prctl(24, 1, 0, 0, 0))
    path.parent.chmod(0o755)
    assert said["repair"] == "not repaired, Permission denied"
    assert path.read_bytes() == before


HALF = """\
import time
from stemma.store.objects import ObjectStore, cache_of, repository
class Slow(ObjectStore):
    def read(self, key):
        data = b"".join(super().read(key))
        yield data[: len(data) // 2]
        print("half", flush=True)
        time.sleep(60)
with repository() as repo:
    remote = Slow("store", repo.cloud.get_remote_odb("store"))
    cache_of(repo).take({key!r}, remote)
"""


def test_a_kill_during_repair_leaves_the_old_bytes_and_the_next_sweeps(repo):
    path = weights(repo, "v1")
    sound = path.read_bytes()
    flip(path)
    before = path.read_bytes()
    code = HALF.format(key=path.parent.name + path.name)
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=repo.path, env=environment(), stdout=subprocess.PIPE
    )
    assert child.stdout.readline() == b"half\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert path.read_bytes() == before
    assert len(partials(cache(repo))) == 1
    assert fsck(repo, "--remote", "store", "--repair")[0] == 0
    assert path.read_bytes() == sound
    assert partials(cache(repo)) == []


def test_a_remote_behind_http_is_read_and_hashed(repo, tmp_path):
    flip(weights(repo, "v1", tmp_path / "store"))
    flip(weights(repo, "HEAD"))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "store"))
    handler.log_message = lambda *_: None
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        repo.run(["dvc", "remote", "add", "-q", "--local", "web", url])
        code, report = fsck(repo, "--remote", "web", "--repair")
        server.shutdown()
    assert code == 1
    found = {(row[0], row[1], row[3][0]) for row in problems(report)}
    assert found == {("web", "damaged", "v1"), ("cache", "damaged", "main")}
    assert report["checked"] == {"cache": 10, "web": 10}
    # The cache is mended from the server, which takes no upload.
    said = {problem["store"]: problem["repair"] for problem in report["problems"]}
    assert said["cache"] == "repaired"
    assert said["web"].startswith("not repaired")


def test_a_shared_cache_named_in_the_configuration(repo, tmp_path):
    (repo.path / ".dvc/cache").rename(tmp_path / "shared")
    repo.run(["dvc", "cache", "dir", "-q", "--local", str(tmp_path / "shared")])
    assert fsck(repo)[1]["checked"] == {"cache": 10}


def test_outputs_of_a_matrix_that_are_not_cached_are_not_asked_for(repo):
    (repo.path / "dvc.yaml").write_text(
        "stages:\n  count:\n    matrix: {n: [1, 2]}\n    cmd: echo ${item.n} > n${item.n}.txt\n"
        "    outs: ['n${item.n}.txt': {cache: false}]\n"
    )
    repo.run("dvc repro -q")
    repo.commit("A matrix")
    code, report = fsck(repo)
    # dvc.lock still has the stage of before, and no word on what of it was never stored.
    assert (code, report["undeclared"], report["unread"], report["unlisted"]) == (0, 1, 0, 0)
    assert report["checked"]["cache"] == report["objects"] - 1
    said = repo.run("stemma fsck").stdout
    assert "not there: 1 object of stages that dvc.yaml no longer has" in said


def test_errors_are_one_line(repo):
    done = repo.run("stemma fsck --remote nowhere", check=False)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert repo.run("stemma fsck --repair", check=False).returncode == 2
    (repo.path / "dvc.lock").write_text("stages: [")
    commit = repo.commit("Torn")
    done = repo.run("stemma fsck", check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("stemma: dvc.lock (Git object ")
    (hint,) = re.findall("`(git log .*)` shows the commits that have it", done.stderr)
    assert repo.run(f"{hint} --format=%H").stdout.split() == [commit]


def test_a_lock_that_git_cannot_read_is_one_line(repo):
    blob = repo.run("git rev-parse v1:dvc.lock").stdout.strip()
    flip(repo.path / ".git/objects" / blob[:2] / blob[2:])
    done = repo.run("stemma fsck", check=False)
    assert done.returncode == 1
    assert done.stderr == f"stemma: Git object {blob} cannot be read (see `git fsck`)\n"


def test_a_real_version(project):
    path = project.path / "models/trained/model.safetensors"
    listing = read_json(next(objects(cache(project)).rglob("*.dir")))
    assert listing
    assert fsck(project)[0] == 0
    sought = path.read_bytes()
    (found,) = [
        file
        for file in objects(cache(project)).rglob("*")
        if file.is_file() and file.stat().st_size == len(sought) and file.read_bytes() == sought
    ]
    flip(found)
    code, report = fsck(project)
    assert code == 1
    assert ("cache", "damaged", WEIGHTS, ["main"]) in problems(report)
