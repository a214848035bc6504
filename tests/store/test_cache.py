"""The bytes behind a hash: from the cache, fetched where it lacks them, or named as missing."""

import shutil
import socket
from pathlib import Path

import pytest
from project import Project

from stemma.store.cache import Cache
from stemma.store.errors import MissingError, ProjectError
from stemma.store.objects import listed, path_in
from stemma.store.version import built


def listing_of(repo: Project) -> str:
    (stage,) = built("v1", "v1", repo.path).stages()
    return next(out.md5 for out in stage.outs if out.path == "models/trained")


def test_what_the_cache_has_is_read_there(repo: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "store")
    cache, key = Cache(repo.path), listing_of(repo)
    files = cache.files(key, "it")
    assert set(files) == {"model.safetensors", "config.json"}
    assert cache.path(files["config.json"], "it").read_bytes() == b"{}"
    assert cache.files(files["config.json"], "it") == {"": files["config.json"]}


def test_what_it_lacks_is_fetched_from_the_default_remote(repo: Project) -> None:
    shutil.rmtree(repo.path / ".dvc/cache")
    key = listing_of(repo)
    with pytest.raises(MissingError, match=r"^it is not in the cache \(`dvc fetch`"):
        Cache(repo.path, remote=False).files(key, "it")
    cache = Cache(repo.path)
    files = cache.files(key, "it")
    assert cache.path(files["config.json"], "it") == path_in(cache.folder, files["config.json"])
    assert path_in(cache.folder, key).exists(), "the next time nothing is fetched"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "missing in the default remote"),
        (lambda path: path.write_bytes(b"torn"), "broken in the default remote"),
    ],
)
def test_what_is_nowhere_is_named(repo: Project, tmp_path: Path, spoil, message: str) -> None:
    key = listing_of(repo)
    config = listed(path_in(repo.path / ".dvc/cache", key).read_bytes())["config.json"]
    path_in(repo.path / ".dvc/cache", config).unlink()
    remote = path_in(tmp_path / "store", config)
    remote.chmod(0o644)
    spoil(remote)
    with pytest.raises(MissingError, match=f"^config of v1 is not in the cache, and {message}"):
        Cache(repo.path).path(config, "config of v1")


def test_a_web_server_that_is_away_is_not_one_that_lacks_it(repo: Project) -> None:
    with socket.socket() as taken:  # a port at which nobody listens
        taken.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{taken.getsockname()[1]}/store"
        repo.run(["dvc", "remote", "add", "--local", "-d", "web", place])
        shutil.rmtree(repo.path / ".dvc/cache")
        with pytest.raises(MissingError, match="and the default remote does not answer"):
            Cache(repo.path).files(listing_of(repo), "it")


def test_without_a_remote_it_says_what_makes_it_again(repo: Project) -> None:
    repo.run("dvc remote remove store")
    repo.run(["dvc", "remote", "remove", "--local", "store"], check=False)
    (repo.path / ".dvc/config.local").write_text("", encoding="utf-8")
    shutil.rmtree(repo.path / ".dvc/cache")
    with pytest.raises(MissingError, match="there is no default remote") as caught:
        Cache(repo.path).files(listing_of(repo), "it")
    assert "dvc repro" in caught.value.hint


def test_a_torn_listing_is_named(repo: Project) -> None:
    path = path_in(repo.path / ".dvc/cache", listing_of(repo))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(MissingError, match="the listing of it in the cache is torn"):
        Cache(repo.path).files(listing_of(repo), "it")


def test_all_places_are_named_those_on_no_disk_without_a_folder(repo: Project) -> None:
    repo.run("dvc remote add -q far s3://bucket/models")
    repo.run("dvc cache dir --local ../elsewhere")
    places = {place.name: place for place in Cache(repo.path).places()}
    assert list(places) == ["cache", "store", "far"]
    assert places["cache"].folder == repo.path.parent / "elsewhere"
    assert places["store"].folder == repo.path.parent / "store"
    assert (places["far"].folder, places["far"].url) == (None, "s3://bucket/models")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<<<<<<< ours\n", r"\.dvc/config has the marks of an unfinished merge"),
        ("[core]\nremotely = x\n", "DVC: "),
    ],
)
def test_a_broken_configuration_is_one_line(repo: Project, content: str, message: str) -> None:
    (repo.path / ".dvc/config").write_text(content, encoding="utf-8")
    with pytest.raises(ProjectError, match=message):
        Cache(repo.path).places()
