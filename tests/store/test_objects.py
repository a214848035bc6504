"""Objects by name: in DVC's cache, in a remote, and in a remote that fails."""

import stat
from pathlib import Path

import fsspec
import pytest
from project import Project

from stemma.hashes import md5_of
from stemma.store import objects
from stemma.store.errors import DamagedError, ProjectError
from stemma.store.version import built


class BackendError(Exception):
    """As a library of a remote has its own, with no base in common with any other."""


class Failing:
    """DVC's object database over a file system that fails on a disk far away."""

    def __init__(self, error: Exception) -> None:
        self.fs, self._error = self, error
        self.protocol = "s3"

    def oid_to_path(self, key: str) -> str:
        return key

    def open(self, *_: object) -> None:
        raise self._error

    def put_file(self, *_: object) -> None:
        raise self._error

    size = list_oids_exists = all = remove = open


def weights_of(repo: Project) -> tuple[str, str, Path]:
    """The listing of models/trained at v1, the object of the weights in it, and where that is."""
    (stage,) = built("v1", "v1", repo.path).stages()
    listing = next(out.md5 for out in stage.outs if out.path == "models/trained")
    cache = repo.path / ".dvc/cache"
    key = objects.listed(objects.path_in(cache, listing).read_bytes())["model.safetensors"]
    return listing, key, objects.path_in(cache, key)


def test_an_output_is_read_through_its_listing(repo: Project) -> None:
    listing, key, path = weights_of(repo)
    store = objects.cache_at(repo.path / ".dvc/cache")
    assert store.files(listing)["model.safetensors"] == key
    assert store.files(key) == {"": key}
    assert b"".join(store.read(key)) == path.read_bytes()
    assert store.size(key) == path.stat().st_size
    assert store.among([key, "0" * 32]) == {key}
    assert {key, listing} <= set(store.all())
    assert store.paths(listing) == {
        name: objects.path_in(repo.path / ".dvc/cache", one)
        for name, one in store.files(listing).items()
    }
    assert store.is_sound(listing)


def test_a_damaged_object_is_told_from_a_missing_one(repo: Project) -> None:
    listing, key, path = weights_of(repo)
    store = objects.cache_at(repo.path / ".dvc/cache")
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(DamagedError, match="do not hash to its name"):
        store.check(key)
    assert not store.is_sound(listing)
    path.unlink()
    assert store.check(key) is False
    assert store.paths(listing) is None


def test_an_object_is_taken_from_a_remote_and_protected(repo: Project) -> None:
    _, key, path = weights_of(repo)
    sound = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"torn")
    with objects.repository(repo.path) as opened:
        remote, cache = objects.remote_of(opened, None), objects.cache_of(opened)
        cache.take(key, remote)
        assert path.read_bytes() == sound
        assert stat.S_IMODE(path.stat().st_mode) == objects.READ_ONLY
        with pytest.raises(FileNotFoundError):
            cache.take("0" * 32, remote)
        cache.delete([key])
    assert not path.exists()


def test_a_torn_listing_is_no_listing() -> None:
    assert objects.listed(b'[{"relpath": "a", "md5": "b"}]') == {"a": "b"}
    for torn in (b"[", b"[1]", b'[{"relpath": "a"}]', b"7"):
        with pytest.raises(ValueError):
            objects.listed(torn)


ASKED = [
    lambda store: list(store.read("ab" * 16)),
    lambda store: store.check("ab" * 16),
    lambda store: store.size("ab" * 16),
    lambda store: store.among(["ab" * 16]),
    lambda store: store.all(),
    lambda store: store.delete(["ab" * 16]),
]


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (BackendError("signature expired"), "try again later"),
        (TimeoutError("timed out"), "run it again"),
        (PermissionError("denied"), "ask for the right"),
        (fsspec.exceptions.FSTimeoutError(), "run it again"),
    ],
)
def test_a_remote_that_fails_is_one_line(ask, error: Exception, hint: str) -> None:
    with pytest.raises(ProjectError, match=r"^far cannot be (read|written)") as caught:
        ask(objects.ObjectStore("far", Failing(error)))
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("bug", [TypeError("x"), KeyError("x"), AttributeError("x"), MemoryError()])
def test_a_mistake_in_a_program_is_not_taken_for_a_failing_remote(ask, bug: Exception) -> None:
    with pytest.raises(type(bug)):
        ask(objects.ObjectStore("far", Failing(bug)))


def test_what_a_remote_refuses_to_take_is_an_error_of_its_own(repo: Project) -> None:
    _, key, _ = weights_of(repo)
    cache = objects.cache_at(repo.path / ".dvc/cache")
    with pytest.raises(OSError, match="far: signature expired"):
        objects.ObjectStore("far", Failing(BackendError("signature expired"))).take(key, cache)
    with pytest.raises(TypeError):
        objects.ObjectStore("far", Failing(TypeError("x"))).take(key, cache)


def test_what_fails_while_an_object_is_used_is_not_the_remotes_fault(repo: Project) -> None:
    _, key, _ = weights_of(repo)
    reading = objects.cache_at(repo.path / ".dvc/cache").read(key)
    assert next(reading)
    with pytest.raises(OSError, match="the disk of the reader"):
        reading.throw(OSError("the disk of the reader"))


def test_a_folder_that_dvc_refuses_is_one_line(tmp_path: Path, repo: Project) -> None:
    with pytest.raises(ProjectError, match="no Git repository"), objects.repository(tmp_path):
        pass
    (repo.path / "dvc.yaml").write_text("<<<<<<< ours\nstages: {}\n", encoding="utf-8")
    with (
        pytest.raises(ProjectError, match=r"dvc.yaml has the marks of an unfinished merge"),
        objects.repository(repo.path) as opened,
    ):
        assert opened.index.stages


def test_the_name_of_an_object_is_the_hash_of_its_bytes(repo: Project) -> None:
    _, key, path = weights_of(repo)
    assert md5_of(path) == key
