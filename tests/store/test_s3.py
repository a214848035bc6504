"""A DVC remote on S3: its bytes are read as any other's, and each way to fail is one line."""

import shutil
import sys
from pathlib import Path

import pytest
from buckets import Server
from project import Project

from stemma.store import objects
from stemma.store.cache import Cache
from stemma.store.download import download
from stemma.store.errors import MissingError, ProjectError
from stemma.store.version import built

REMOTE = """\
[core]
    remote = far
['remote "far"']
    url = s3://{0}/store
    endpointurl = {1}
"""


@pytest.fixture
def far(repo: Project, tmp_path: Path, s3: Server) -> Project:
    """A repository whose versions are on S3 alone, reached by the way."""
    point(repo, s3.way.url)
    for path in (tmp_path / "store/files/md5").rglob("*"):
        if path.is_file():
            s3.put(f"store/{path.relative_to(tmp_path / 'store')}", path.read_bytes())
    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(repo.path / ".dvc/cache")
    return repo


def point(repo: Project, endpoint: str, bucket: str = "bucket") -> None:
    (repo.path / ".dvc/config.local").write_text(REMOTE.format(bucket, endpoint))


def weights_of(repo: Project) -> bytes:
    found = built("v1", "v1", repo.path).content("models/trained", "model.safetensors")
    assert found
    return found


def left(repo: Project) -> list[Path]:
    """Return what lies in the cache, half-written files included."""
    return [path for path in (repo.path / ".dvc/cache").rglob("*") if path.is_file()]


def test_bytes_come_from_s3_once(far: Project, s3: Server) -> None:
    weights = weights_of(far)
    assert len(weights) > 10**6
    s3.way.refusal = 500, "InternalError"
    assert weights_of(far) == weights


def expire(far: Project, s3: Server, monkeypatch) -> None:
    s3.way.refusal = 400, "ExpiredToken"


def deny(far: Project, s3: Server, monkeypatch) -> None:
    s3.way.refusal = 403, "AccessDenied"


def refuse(far: Project, s3: Server, monkeypatch) -> None:
    s3.check_keys()


def take_keys(far: Project, s3: Server, monkeypatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


def go_away(far: Project, s3: Server, monkeypatch) -> None:
    point(far, "http://127.0.0.1:9")


def name_another(far: Project, s3: Server, monkeypatch) -> None:
    point(far, s3.way.url, "bukket")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (expire, "the credentials have expired"),
        (deny, "access is denied"),
        (refuse, "the credentials are refused"),
        (take_keys, "no credentials are found"),
        (go_away, "the server does not answer"),
        (name_another, "there is no such bucket"),
    ],
)
def test_a_remote_that_refuses_says_why(
    far: Project, s3: Server, monkeypatch, spoil, reason: str
) -> None:
    spoil(far, s3, monkeypatch)
    with pytest.raises(ProjectError, match=f"^remote cannot be read: {reason}") as caught:
        weights_of(far)
    assert caught.value.hint and "\n" not in str(caught.value)
    assert left(far) == []


def test_what_is_not_there_is_missing_and_not_refused(far: Project, s3: Server) -> None:
    (stage,) = built("v1", "v1", far.path).stages()
    key = next(out.md5 for out in stage.outs if out.path == "models/trained")
    s3.client().delete_object(Bucket="bucket", Key=f"store/files/md5/{key[:2]}/{key[2:]}")
    with pytest.raises(MissingError, match="missing in the default remote"):
        weights_of(far)


def test_a_connection_that_is_cut_leaves_nothing_and_a_retry_succeeds(
    far: Project, s3: Server
) -> None:
    s3.way.cut = 2000
    with pytest.raises(ProjectError, match=r"^remote cannot be read: the connection broke off"):
        weights_of(far)
    (listing,) = left(far)
    assert listing.name.endswith(".dir"), "which is shorter than the cut, and whole"
    s3.way.cut = None
    assert len(weights_of(far)) > 10**6


def test_a_verb_says_it_in_one_line_and_succeeds_afterwards(far: Project, s3: Server) -> None:
    s3.way.cut = 2000
    command = "stemma diff v1 HEAD --only weights"
    done = far.run(command, check=False)
    assert done.returncode == 1 and "the connection broke off" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    s3.way.cut = None
    again = far.run(command, check=False).stderr
    assert "model.safetensors of v1 is torn or no safetensors" in again, "the bytes came: no model"


def test_a_missing_package_is_named_with_its_extra(far: Project, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "dvc_s3", None)
    with pytest.raises(ProjectError, match="the remote far needs a package") as caught:
        weights_of(far)
    assert "[s3]" in caught.value.hint


def test_an_object_is_repaired_on_s3(far: Project, s3: Server) -> None:
    weights_of(far)
    (stage,) = built("v1", "v1", far.path).stages()
    key = next(out.md5 for out in stage.outs if out.path == "models/trained")
    s3.put(f"store/files/md5/{key[:2]}/{key[2:]}", b"torn")
    with objects.repository(far.path) as opened:
        remote, cache = objects.remote_of(opened, None), objects.cache_of(opened)
        assert not remote.is_sound(key)
        remote.take(key, cache)
        assert remote.is_sound(key) and remote.size(key) == cache.size(key)


def test_what_another_repository_keeps_on_s3_is_downloaded(
    far: Project, s3: Server, tmp_path: Path
) -> None:
    commit = far.run("git rev-parse v1").stdout.strip()
    s3.way.refusal = 400, "ExpiredToken"
    with pytest.raises(MissingError) as caught:
        download(str(far.path), "models/trained", commit, tmp_path / "got")
    assert "\n" not in str(caught.value) and caught.value.hint
    assert not (tmp_path / "got").exists()
    s3.way.refusal = None
    download(str(far.path), "models/trained", commit, tmp_path / "got")
    assert (tmp_path / "got/config.json").read_bytes() == b"{}"


def test_the_place_of_a_remote_shows_no_credentials(far: Project) -> None:
    places = {place.name: place for place in Cache(far.path).places()}
    assert places["far"].url == "s3://bucket/store" and places["far"].folder is None
