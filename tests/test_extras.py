"""The base reads versions without what makes them; who needs more is told which extra."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from stemma import extras

HERE = Path(__file__).parents[1]
# A package that is None here is not there for Python.
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(',')))
from stemma.cli import main
main()
"""
MISSING = ",".join(
    part
    for extra in extras.IMPORTED
    for one in extras.IMPORTED[extra]
    for part in {one, one.split(".")[0]}
    if part not in ("charset_normalizer",)  # DVC has it
)


def read(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT, MISSING, *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "words",
    [
        ["log"],
        ["show"],
        ["show", "HEAD"],
        ["diff", "HEAD~1", "HEAD"],
        ["status"],
        ["trace", "--text", "To be, or not to be"],
        ["fsck"],
        ["gates", "--list"],
        ["compose", "--check"],
    ],
    ids=" ".join,
)
def test_reading_needs_the_base_alone(history: Path, words: list[str]) -> None:
    done = read(history, *words)
    assert "not installed" not in done.stderr and "Traceback" not in done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "extra"),
    [
        (["verify"], "make"),
        (["optimise"], "make|search"),
        (["serve"], "serve"),
        (["chat"], "serve"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_what_needs_more_says_which_extra(history: Path, words: list[str], extra: str) -> None:
    done = read(history, *words)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert re.search(rf"pip install .*\[({extra})\]", done.stderr)


def test_every_package_of_an_extra_is_known() -> None:
    declared = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    named = {"pyopenssl": "openssl", "opentelemetry_sdk": "opentelemetry"}
    for extra, imported in extras.IMPORTED.items():
        wanted = set()
        for line in declared["optional-dependencies"][extra]:
            name = re.split(r"[^\w.-]", line)[0].lower().replace("-", "_").replace(".", "_")
            if name not in ("stemma_lm", "opentelemetry_exporter_otlp_proto_http"):
                wanted.add(named.get(name, name))
        assert {one.lower().replace(".", "_") for one in imported} == wanted, extra


def test_what_is_in_no_extra_is_not_explained() -> None:
    assert extras.of("torch.nn") == "make" and extras.of("torchvision") is None


def test_the_wheel_holds_all_that_is_no_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), "."]
    subprocess.run(command, cwd=HERE, check=True)
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    conf = {f"stemma/{path.relative_to(HERE)}" for path in HERE.glob("conf/**/*.yaml")}
    other = {
        path.relative_to(HERE / "src").as_posix()
        for path in HERE.glob("src/**/*")
        if path.is_file() and path.suffix not in (".pyc", ".so")
    }
    assert {*conf, *other, "stemma/environment.lock"} <= names
