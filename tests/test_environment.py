"""environment.lock and the declared arithmetic against what is there."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import lock
import pytest
import yaml
from project import ROOT

from stemma import environment
from stemma.environment import RuntimeSettings, cap, differences
from stemma.errors import ReproducibilityError

RUNTIME = {
    "name": "test",
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
    "instructions": "native",
    "deterministic": True,
    "seed": 1,
    "strict": False,
}


@pytest.fixture(autouse=True)
def no_caps(monkeypatch):
    for caps in environment.CAPS.values():
        for name in caps:
            monkeypatch.delenv(name, raising=False)


def unlike(lines: str, folder: Path, **changes: object) -> list[str]:
    path = folder / "environment.lock"
    path.write_text(lines)
    return differences(RuntimeSettings(**{**RUNTIME, **changes}), path)  # type: ignore[arg-type]


def test_the_declared_packages_are_none_to_speak_of(tmp_path):
    click = importlib.metadata.version("click")
    minor = ".".join(platform.python_version_tuple()[:2])
    lines = f"# a comment\npython=={minor}.*\nclick=={click}\ntorch==2.13.0\n"
    assert unlike(lines, tmp_path) == []


def test_every_package_that_is_not_as_declared_is_named_with_both_versions(tmp_path):
    click, python = importlib.metadata.version("click"), platform.python_version()
    lines = (
        "python==3.9.*\nclick==0.1 # mine\n \nnot-there==2.0\nclick==0.2 ; python_version < '3'\n"
    )
    assert unlike(lines, tmp_path) == [
        f"environment.lock declares python==3.9.*, here is {python}",
        f"environment.lock declares click==0.1, here is {click}",
        "environment.lock declares not-there==2.0, here is none",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"python==3.11.*\n<<<<<<< HEAD\n", "has the marks of an unfinished merge"),
        (b"python==3.11.*\ntorch 2\n", "line 2 declares no package: torch 2"),
        (b"\xff\xfe", "is no text"),
    ],
)
def test_a_lock_that_cannot_be_read_is_one_line(tmp_path, content, said):
    path = tmp_path / "environment.lock"
    path.write_bytes(content)
    with pytest.raises(ReproducibilityError, match="make lock") as caught:
        differences(RuntimeSettings(**RUNTIME), path)
    assert said in caught.value.message


def test_a_lock_that_says_nothing_declares_nothing(tmp_path):
    assert unlike("", tmp_path) == ["environment.lock declares no Python"]
    (tmp_path / "environment.lock").unlink()
    missing = differences(RuntimeSettings(**RUNTIME), tmp_path / "environment.lock")
    assert missing == ["environment.lock declares no Python"]


def test_what_breaks_the_libraries_is_taken_away(monkeypatch):
    monkeypatch.setenv("OMP_DYNAMIC", "true")
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    cap("native")
    assert not {"OMP_DYNAMIC", "OMP_THREAD_LIMIT"} & set(os.environ)


def test_a_cap_that_is_not_declared_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    minor = ".".join(platform.python_version_tuple()[:2])
    python = f"python=={minor}.*\n"
    assert unlike(python, tmp_path) == [
        "ATEN_CPU_CAPABILITY=avx2 is set, which runtime.instructions=native does not do"
    ]
    assert unlike(python, tmp_path, instructions="avx2") == []
    monkeypatch.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    assert "DNNL_MAX_CPU_ISA=AVX2" in unlike(python, tmp_path, instructions="avx2")[0]


def test_the_lock_declares_the_python_that_it_was_resolved_for():
    requirements = (ROOT / "requirements.lock").read_text()
    assert f"\npython=={lock.PYTHON}.*\n" in lock.environment(requirements)
    other = requirements.replace(f"--python-version {lock.PYTHON}", "--python-version 3.13")
    assert "\npython==3.13.*\n" in lock.environment(other)
    assert lock.environment(requirements) == (ROOT / "environment.lock").read_text()


def test_a_package_of_an_extra_counts_where_it_is_installed(tmp_path):
    minor = ".".join(platform.python_version_tuple()[:2])
    lines = [f"python=={minor}.*", "not-there==2.0 ; extra == 'onnx'", "click==0.1 ; extra == 'x'"]
    lines += ["click==0.2 ; extra == 'x' and (python_version < '3')"]
    click = importlib.metadata.version("click")
    assert unlike("\n".join(lines), tmp_path) == [
        f"environment.lock declares click==0.1, here is {click}"
    ]


def test_the_packages_of_an_extra_are_marked_with_it():
    requirements = (ROOT / "requirements.lock").read_text()
    declared = lock.environment(requirements).splitlines()
    (onnx,) = (line for line in declared if line.startswith("onnx=="))
    assert onnx.endswith(" ; extra == 'onnx'")
    marked = requirements.replace("\nonnx==", "\nonnx==0 ; sys_platform == 'x'\n#")
    assert "onnx==0 ; extra == 'onnx' and (sys_platform == 'x')" in lock.environment(marked)


@pytest.mark.parametrize("stage", ["ingest", "prepare", "train", "evaluate", "export"])
def test_nothing_that_reads_a_cap_is_loaded_before_it_is_set(stage):
    # numpy and torch choose their kernels when they are imported.
    command = f"import sys, stemma.stages.{stage}; print({{'numpy', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True)
    assert done.stdout.strip() == b"set()"


def test_stages_depend_on_all_of_the_runtime_that_changes_bytes():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    declared = {f"runtime.{field}" for field in RuntimeSettings.__dataclass_fields__}
    for stage in ("train", "evaluate", "export"):
        keys = [key for key in stages[stage]["params"] if isinstance(key, str)]
        listed = {key for key in keys if key.startswith("runtime")}
        # How many measure changes no byte, and one exports.
        aside = set() if stage == "train" else {"runtime.processes", "runtime.parallel"}
        assert listed == declared - {"runtime.name", "runtime.strict"} - aside
