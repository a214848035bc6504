"""How versions are served: the command line over the project's file over the defaults."""

from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from stemma.errors import SettingsError
from stemma.serving.settings import FILE, read

DEFAULTS = yaml.safe_load(
    files("stemma.serving").joinpath("defaults.yaml").read_text(encoding="utf-8")
)


def project(folder: Path, content: str | bytes) -> Path:
    path = folder / FILE
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def refused(folder: Path, **how) -> str:
    with pytest.raises(SettingsError) as caught:
        read(folder, **how)
    line = str(caught.value)
    assert "\n" not in line and "serving.yaml" in line
    return line


def test_a_folder_that_says_nothing_has_the_defaults(tmp_path: Path):
    found = read(tmp_path)
    assert (found.engine, found.running, found.canary.latency) == (
        DEFAULTS["engine"], DEFAULTS["running"], DEFAULTS["canary"]["latency"],
    )  # fmt: skip
    assert read(project(tmp_path, "# nothing\n")) == found


def test_the_command_line_over_the_file_over_the_defaults(tmp_path: Path):
    project(tmp_path, "running: 3\nwaiting: 5\nengine: openvino\ncanary: {latency: 3}\n")
    found = read(
        tmp_path, {"engine": "transformers", "dtype": None}, ["waiting=7", "canary.errors=0.2"]
    )
    assert (found.running, found.waiting, found.engine) == (3, 7, "transformers")
    assert (found.canary.latency, found.canary.errors) == (3, 0.2)
    assert found.canary.alarm == DEFAULTS["canary"]["alarm"] and found.dtype is None
    # An option has the last word, over --set too.
    assert read(tmp_path, {"engine": "vllm"}, ["engine=openvino"]).engine == "vllm"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("runing: 3", "runing"),
        ("canary: {speed: 3}", "canary.speed"),
        ("running: many", "running"),
        ("running: 0", "running"),
        ("engine: llama", "engine"),
        ("smoke: hello", "smoke"),
        ("seconds: .inf", "seconds"),
        ("canary: 3", "canary"),
        ("canary: {alarm: 1}", "canary.alarm"),
        ("memory_share: 2", "memory_share"),
        ("running: [", ""),
        ("- running", ""),
        ("running", ""),
        ("running: ${nowhere}", "nowhere"),
        (b"\xff\xfe\x00", ""),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, content: str | bytes, said: str):
    assert said in refused(project(tmp_path, content))


@pytest.mark.parametrize(
    ("word", "said"),
    [("runing=3", "runing"), ("running=x", "running"), ("canary.x=1", "canary.x"),
     ("running", "running"), ("=3", ""), ("canary=3", "canary"), ("running=[", "")],
)  # fmt: skip
def test_a_word_that_is_wrong(tmp_path: Path, word: str, said: str):
    assert said in refused(tmp_path, words=[word])


def test_a_list_of_the_file_takes_the_place_of_the_default(tmp_path: Path):
    assert read(project(tmp_path, "smoke: []\n")).smoke == []
    assert read(tmp_path, words=["smoke=[a,b]"]).smoke == ["a", "b"]
