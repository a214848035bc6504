"""A version that does not fit beside what runs is refused before it is started."""

from pathlib import Path

import pytest

from stemma.registry.trust import RefusedError
from stemma.serving import memory

MEMINFO = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    4000000 kB\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 4.096 GB free, whose group has no limit."""
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    (tmp_path / "meminfo").write_text(MEMINFO, encoding="utf-8")
    return tmp_path


def limit(machine: Path, most: str, used: int, files: int = 0) -> None:
    (machine / "memory.max").write_text(f"{most}\n", encoding="utf-8")
    (machine / "memory.current").write_text(f"{used + files}\n", encoding="utf-8")
    told = f"anon {used}\ninactive_file {files}\nslab 1\n"
    (machine / "memory.stat").write_text(told, encoding="utf-8")


def test_the_least_of_machine_and_group_is_free(machine: Path):
    assert memory.free() == 4_096_000_000
    limit(machine, "max", 5)
    assert memory.free() == 4_096_000_000
    limit(machine, "3000000000", 1_000_000_000)
    assert memory.free() == 2_000_000_000
    limit(machine, "3000000000", 1_000_000_000, files=900_000_000)
    assert memory.free() == 2_000_000_000, "files that were read make room"
    limit(machine, "9000000000", 1_000_000_000)
    assert memory.free() == 4_096_000_000


def test_what_does_not_fit_is_refused_with_both_numbers(machine: Path):
    memory.check("lm", 2_000_000_000, 0.9)
    with pytest.raises(RefusedError, match=r"lm needs about 4\.2 GB, and 4\.1 GB are free"):
        memory.check("lm", 3_000_000_000, 0.9)
    limit(machine, "2000000000", 1_000_000_000)
    with pytest.raises(RefusedError, match=r"1\.0 GB are free"):
        memory.check("lm", 1_000_000_000, 0.9)


def test_the_share_counts(machine: Path):
    memory.check("lm", 1_600_000_000, 0.9)
    with pytest.raises(RefusedError):
        memory.check("lm", 1_600_000_000, 0.5)


def test_a_system_that_does_not_tell_refuses_nothing(machine: Path):
    (machine / "meminfo").unlink()
    assert memory.free() is None
    memory.check("lm", 10**15, 0.1)
    (machine / "meminfo").write_text("MemTotal: 5 kB\n", encoding="utf-8")
    assert memory.free() is None


def test_this_machine_tells():
    found = memory.free()
    assert found is None or found > 0
