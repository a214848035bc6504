"""What a model was in fact made on: processor, GPU, driver, library builds. For the reader only.

It stands beside the model, in observed.json, where .dvcignore hides it from DVC: the same version
made on another processor has the same hashes. Its first key says which weights it speaks of.
"""

import hashlib
import platform
import subprocess
from pathlib import Path
from typing import Any

from stemma.files import read_json, sha256_of, write_json
from stemma.layout import OBSERVED


def record(folder: Path) -> None:
    """Write what this process sees beside the weights in ``folder``."""
    write_json(folder / OBSERVED, {"weights": _weights(folder), **_observe()})


def hand_on(trained: Path, exported: Path) -> None:
    """Write what trained a model beside its export; nothing if that is not known any more."""
    facts = read(trained)
    if facts is not None:
        write_json(exported / OBSERVED, {**facts, "weights": _weights(exported)})


def read(folder: Path) -> dict[str, Any] | None:
    """Return what the weights in ``folder`` were made on.

    None where nothing is noted, or where the note speaks of other weights: DVC brings back the
    weights of an earlier version, and leaves the note.
    """
    if not (folder / OBSERVED).exists():
        return None
    facts = read_json(folder / OBSERVED)
    return facts if facts["weights"] == _weights(folder) else None


def _weights(folder: Path) -> str | None:
    """Return the digest of the only file of weights, or that of the digests of all."""
    digests = [sha256_of(path) for path in sorted(folder.rglob("*.safetensors"))]
    if len(digests) < 2:
        return digests[0] if digests else None
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _observe() -> dict[str, Any]:
    import numpy as np
    import torch

    seen = torch.cpu.get_capabilities()
    blas = np.show_config("dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
    return {
        "processor": {
            "name": seen.get("cpu_name", platform.processor()),
            "architecture": platform.machine(),
            "cores": seen.get("num_physical_cores"),
            "instructions": sorted(name for name, has in seen.items() if has is True),
        },
        "gpus": [
            torch.cuda.get_device_properties(index).name
            for index in range(torch.cuda.device_count())
        ],
        "driver": _driver() if torch.cuda.is_available() else None,
        "libraries": {
            "python": f"{platform.python_version()}, {platform.python_compiler()}",
            "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
            "torch": [torch.__version__, *_build(torch.__config__.show())],
            "numpy": [np.__version__, blas["name"]],
        },
    }


def _driver() -> str:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(
            query, check=True, capture_output=True, encoding="utf-8", errors="replace"
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"  # a ROCm build, or a container without the tool
    return told.splitlines()[0]


def _build(told: str) -> list[str]:
    # The build settings at its end say how torch was compiled, in two thousand characters.
    lines = [line.removeprefix("  - ").strip() for line in told.splitlines()[1:]]
    return [line for line in lines if line and not line.startswith("Build settings")]
