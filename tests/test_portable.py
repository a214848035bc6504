"""runtime=portable: a version has the same bytes whatever processor makes it."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from arithmetical import emulated, run
from project import ROOT, Project, environment, once

from stemma.files import sha256_of

STAGES = ("prepare", "train", "evaluate", "export")
OUTPUTS = ("data/prepared", "models/trained", "models/exported", "reports")
FROM_OUTSIDE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "MKL_CBWR": "AVX2",
    "OPENBLAS_CORETYPE": "SkylakeX",
    "OPENBLAS_NUM_THREADS": "3",
    "OMP_NUM_THREADS": "1",
}
PROCESSOR = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
FAULTS = "cpuid_fault" in PROCESSOR and shutil.which("cc")
Make = Callable[..., dict[str, str]]


@pytest.fixture
def make(project: Project) -> Make:
    project.run("stemma compose model=llama_pico runtime=portable")

    def make(
        stages: tuple[str, ...] = STAGES, before: list[str] | None = None, **variables: str
    ) -> dict[str, str]:
        """Run stages with these environment variables; return the digests of all outputs."""
        for stage in stages:
            command = [*(before or []), sys.executable, "-m", f"stemma.stages.{stage}"]
            run(command, cwd=project.path, env=environment(project.path) | variables)
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
    if not FAULTS:
        pytest.skip("needs a C compiler, and a processor that can fault on CPUID")

    def compile_it(folder: Path) -> None:
        folder.mkdir()
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(folder / "processor.so")]
        subprocess.run([*command, str(ROOT / "tests/processor.c")], check=True)

    return once(tmp_path_factory, "disguise", compile_it) / "processor.so"


def test_variables_from_outside_change_no_bytes(make: Make):
    assert make() == make(**FROM_OUTSIDE)


@pytest.mark.parametrize("processor", ["haswell", "zen3", "one core", "large caches"])
def test_the_same_bytes_on_another_processor(
    project: Project, make: Make, disguise: Path, processor: str
):
    assert make() == make(LD_PRELOAD=str(disguise), PROCESSOR=processor)
    observed = (project.path / "models/trained/observed.json").read_text()
    assert "avx512" not in observed and "avx2" in observed


@pytest.mark.soak
@pytest.mark.skipif(bool(FAULTS), reason="shown at native speed by the test above")
def test_the_same_bytes_on_an_emulated_processor(make: Make):
    # Of the other make, with other caches and one core.
    processor = "Haswell" if "AuthenticAMD" in PROCESSOR else "EPYC-Milan"
    stages = ("train", "evaluate")
    assert make(stages) == make(stages, emulated(processor))
