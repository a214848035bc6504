"""runtime=portable: the same bytes whatever the processor says it is, and without it others."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Project, environment, once
from stemma.files import sha256_of

STAGES = ("prepare", "train", "evaluate")
OUTPUTS = ("data/prepared", "models/trained", "reports")
CAPS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "SkylakeX",
}
Make = Callable[..., dict[str, str]]


@pytest.fixture
def make(project: Project) -> Make:
    def make(stages: tuple[str, ...] = STAGES, **variables: str) -> dict[str, str]:
        """Run stages with these environment variables; return the digests of all outputs."""
        for stage in stages:
            subprocess.run(
                ["python", "-m", f"stemma.stages.{stage}"],
                cwd=project.path,
                env=environment() | variables,
                check=True,
                capture_output=True,
            )
        files = (file for out in OUTPUTS for file in (project.path / out).rglob("*.*"))
        return {
            file.relative_to(project.path).as_posix(): sha256_of(file)
            for file in files
            if file.name != "observed.json"
        }

    return make


@pytest.fixture(scope="session")
def disguise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes the processor answer as another one."""
    flags = Path("/proc/cpuinfo")
    if not flags.exists() or "cpuid_fault" not in flags.read_text() or not shutil.which("cc"):
        pytest.skip("needs a C compiler, and a processor that can fault on CPUID")

    def compile_it(folder: Path) -> None:
        folder.mkdir()
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(folder / "processor.so")]
        subprocess.run([*command, str(ROOT / "tests/processor.c")], check=True)

    return once(tmp_path_factory, "disguise", compile_it) / "processor.so"


def test_caps_from_outside_change_bytes_only_where_runtime_is_not_portable(project, make: Make):
    project.run("stemma compose runtime=portable runtime.strict=false")
    assert make() == make(**CAPS)
    project.run("stemma compose runtime=auto runtime.precision=fp32")
    plain, capped = make(("train",)), make(("train",), **CAPS)
    assert plain["models/trained/model.safetensors"] != capped["models/trained/model.safetensors"]


@pytest.mark.parametrize("processor", ["haswell", "zen3"])
def test_the_same_bytes_on_another_processor(project, make: Make, disguise: Path, processor: str):
    disguised = {"LD_PRELOAD": str(disguise), "PROCESSOR": processor}
    project.run("stemma compose runtime=portable")
    assert make() == make(**disguised)
    observed = (project.path / "models/trained/observed.json").read_text()
    assert "avx512" not in observed and "avx2" in observed
    project.run("stemma compose runtime=auto runtime.precision=fp32")
    plain, other = make(("train",)), make(("train",), **disguised)
    assert plain["models/trained/model.safetensors"] != other["models/trained/model.safetensors"]
