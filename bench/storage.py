"""Bytes that a further version adds to DVC's cache, by the way of training.

Two versions that differ in their seed, of the default model from scratch and of SmolLM2-135M fully
trained, with frozen layers and with LoRA; models/trained against the same model as
``save_pretrained`` writes it, which DVC keeps whole. Trains two steps each: the size does not
depend on how well a model does.

    python bench/storage.py   # about ten minutes; works in a temporary clone
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from safetensors import safe_open

from stemma.modeling.weights.load import load_saved

ROOT = Path(__file__).resolve().parents[1]
SHORT = [
    *("train.steps=2", "train.log_every=1", "train.evaluate_every=2", "train.checkpoint_every=2"),
    *("train.validation_blocks=2", "evaluate.sample_tokens=8"),
]
BASED = ["experiment=smollm2_lora_plays", "prepare.split.test=0.002", "evaluate.context=256"]
ARMS = {
    "scratch": [],
    "full": [*BASED, "train=full"],
    "frozen": [*BASED, "train=frozen"],
    "lora": [*BASED, "train=lora"],
}
OUTPUTS = ("models/trained", "models/exported")


def measure() -> dict[str, Any]:
    """Return bytes by arm: what a second version adds, what of it changed, and the plain way."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        _command(["git", "clone", "--quiet", str(ROOT), str(clone)], ROOT)
        return {arm: _second_version(clone, overrides) for arm, overrides in ARMS.items()}


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title="A further version, MB in DVC's cache")
    for name in ("train=", "trained", "exported", "over what changed", "save_pretrained"):
        table.add_column(name, justify="left" if name == "train=" else "right")
    for arm, seen in result.items():
        ratio = (seen["trained"] + seen["exported"]) / seen["changed"]
        row = (f"{seen[key] / 1e6:.1f}" for key in ("trained", "exported", "save_pretrained"))
        trained, exported, plain = row
        table.add_row(arm, trained, exported, f"{ratio:.4f}", plain)
    Console().print(table)


def _second_version(clone: Path, overrides: list[str]) -> dict[str, int]:
    _command(["stemma", "compose", "--reset", *overrides, *SHORT], clone)
    _command(["dvc", "repro"], clone)
    known = _tensors(clone, "models/base", *OUTPUTS)
    _command(["stemma", "compose", "runtime.seed=2"], clone)
    sizes = [_cached(clone)]
    for stage in ("train", "evaluate", "export"):
        _command(["dvc", "repro", stage], clone)
        sizes.append(_cached(clone))
    new = _tensors(clone, *OUTPUTS)
    return {
        "trained": sizes[1] - sizes[0],
        "exported": sizes[3] - sizes[2],
        "changed": sum(size for digest, size in new.items() if digest not in known),
        "save_pretrained": _plain(clone),
    }


def _tensors(clone: Path, *folders: str) -> dict[str, int]:
    """Return the size of each tensor by the digest of its bytes."""
    sizes = {}
    for path in (file for folder in folders for file in (clone / folder).rglob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (no dictionary)
                raw = file.get_tensor(name).contiguous().flatten().view(torch.uint8).numpy()
                sizes[hashlib.sha256(raw).hexdigest()] = raw.nbytes
    return sizes


def _plain(clone: Path) -> int:
    """Return the bytes of the files that a script with ``save_pretrained`` would give to DVC."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(clone)
        try:
            load_saved(Path("models/trained")).save_pretrained(folder)
        finally:
            os.chdir(here)
        return sum(path.stat().st_size for path in Path(folder).iterdir())


def _cached(clone: Path) -> int:
    files = (clone / ".dvc/cache/files").rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def _command(command: list[str], folder: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=True)


if __name__ == "__main__":
    show(measure())
