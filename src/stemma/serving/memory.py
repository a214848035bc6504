"""Whether a model still fits into memory, beside what runs."""

from pathlib import Path

from stemma.registry.trust import RefusedError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")
_LIBRARIES = 400e6
"""Bytes that a process takes with the libraries of an engine."""
_ROOM = 1.25
"""Times the weights, with what they are computed with."""


def free() -> int | None:
    """Return how many bytes may still be taken; None where the system does not tell."""
    found = [one for one in (_of_machine(), _of_group()) if one is not None]
    return min(found, default=None)


def check(name: str, size: int, share: float) -> None:
    """Refuse a version that would take more than a share of the free memory.

    Args:
        name: of the version.
        size: bytes of its files.
        share: of the free memory.

    Raises:
        RefusedError: it would.
    """
    there, needed = free(), int(_ROOM * size + _LIBRARIES)
    if there is not None and needed > share * there:
        raise RefusedError(
            f"{name} needs about {needed / 1e9:.1f} GB, and {there / 1e9:.1f} GB are free",
            "a greater machine, or a smaller export (`stemma serve` takes dtype=bfloat16)",
        )


def _of_machine() -> int | None:
    if not _MEMINFO.exists():
        return None
    lines = _MEMINFO.read_text(encoding="utf-8").splitlines()
    told = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return 1024 * int(told.split()[1]) if told else None


def _of_group() -> int | None:
    try:
        most = (_CGROUP / "memory.max").read_text(encoding="utf-8").strip()
        used = int((_CGROUP / "memory.current").read_text(encoding="utf-8"))
        told = (_CGROUP / "memory.stat").read_text(encoding="utf-8").split()
        # Files that were read count as used, and go as soon as anything needs their room.
        used -= int(told[told.index("inactive_file") + 1])
    except (OSError, ValueError):
        return None
    return None if most == "max" else int(most) - used
