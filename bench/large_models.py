"""What the verbs take on a model of 20 GB: seconds, GB/s beside ``cat``, and memory at its peak.

Two versions of a sharded model, in sparse files: holes are read from no disk, so the figures say
how fast the verbs are where the disk is not what they wait for. Before each verb ``cat`` reads the
same files. What is written (by export and import) takes 20 GB of disk for a while.

    python bench/large_models.py                  # about twenty minutes
    python bench/large_models.py --folder WORK    # keeps what it makes there, for the next time
"""

import argparse
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/support")]

import large  # noqa: E402
from foreign import new  # noqa: E402
from project import Project, environment  # noqa: E402

SIDES = {"diff": ("v1", "v2"), "fsck": ("v1", "v2")}
READ = ("status", "serve --rev", "serve --path", "import", "export", "export, rounded", "verify")
"""The verbs that read the version of the working tree; the others read no weights."""


def measure(shape: large.Shape = large.GIANT, folder: Path | None = None) -> dict[str, Any]:
    """Return by verb: bytes that it has to read, seconds, those of ``cat``, and peak memory."""
    with tempfile.TemporaryDirectory() as temporary:
        work = folder or Path(temporary)
        if not (work / "two").exists():
            large.repository(work / "two", shape)
        model = work / "two" / large.NAME
        files = [file for file in sorted(model.iterdir()) if file.suffix == ".safetensors"]
        one = sum(file.stat().st_size for file in files)
        both = [*files, *_objects(work / "two", files)]
        found = {"bytes": one, "verbs": {}}
        for verb, words in large.verbs(model).items():
            read = both if verb in SIDES else files if verb in READ else []
            found["verbs"][verb] = _row(words, work / "two", read)
        found["verbs"]["import"] = _import(model, work / "import", files)
        for verb, dtype in (("export", "bfloat16"), ("export, rounded", "float32")):
            target = work / "exported"
            # In single precision a half of the model takes as much disk.
            some = files if dtype == "bfloat16" else files[: len(files) // 2]
            part = _part(model, work / "part", some)
            found["verbs"][verb] = _row(large.export(part, target, dtype), work, some)
            shutil.rmtree(target)
        found["verbs"]["verify"] = _verify(work / "pipeline", shape)
        return found


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title=f"A model of {result['bytes'] / 1e9:.1f} GB on {platform.machine()}")
    for column in ("", "read, GB", "seconds", "GB/s", "cat, GB/s", "peak, MiB"):
        table.add_column(column, justify="right" if column else "left")
    for verb, row in result["verbs"].items():
        size = row["bytes"] / 1e9
        rates = (f"{size / row[key]:.2f}" if size else "" for key in ("seconds", "cat_seconds"))
        table.add_row(
            verb, f"{size:.1f}", f"{row['seconds']:.1f}", *rates, f"{row['peak_mib']:.0f}"
        )
    Console().print(table)


def _row(
    words: list[str], folder: Path, files: list[Path], *, check: bool = True
) -> dict[str, float]:
    cat = large.read_plainly(files) if files else 0.0
    taken = large.taken(words, folder, environment(ROOT), check=check)
    return {
        "bytes": sum(file.stat().st_size for file in files),
        "seconds": taken.seconds,
        "cpu_seconds": taken.cpu_seconds,
        "cat_seconds": cat,
        "peak_mib": taken.peak_mib,
    }


def _objects(root: Path, files: list[Path]) -> list[Path]:
    """Return the weights in the cache that the working tree does not have."""
    here = {file.stat().st_ino for file in files}
    cached = (file for file in (root / ".dvc/cache/files").rglob("*") if file.is_file())
    return [one for one in cached if one.stat().st_size > 2**20 and one.stat().st_ino not in here]


def _import(model: Path, root: Path, files: list[Path]) -> dict[str, float]:
    project = new(root)
    project.run(["dvc", "config", "cache.type", "hardlink,symlink"])
    project.commit("nothing yet")
    try:
        return _row(["stemma", "import", str(model), "--name", "large"], root, files)
    finally:
        shutil.rmtree(root)


def _part(model: Path, folder: Path, files: list[Path]) -> Path:
    """Return a folder with the configuration of a model and some of its files."""
    from stemma.files import read_json, write_json

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in files:
        (folder / file.name).hardlink_to(file)
    shutil.copyfile(model / "config.json", folder / "config.json")
    names = {file.name for file in files}
    index = read_json(model / large.INDEX)
    index["weight_map"] = {name: at for name, at in index["weight_map"].items() if at in names}
    write_json(folder / large.INDEX, index)
    return folder


def _verify(root: Path, shape: large.Shape) -> dict[str, float]:
    project = Project(root) if root.exists() else large.pipeline(root, shape)
    files = sorted((project.path / large.NAME).glob("*.safetensors"))
    # It does not find the model that it rebuilds, and says so with its exit code.
    return _row(["stemma", "verify"], root, files, check=False)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, metavar="WORK")
    options = parser.parse_args()
    show(measure(folder=options.folder and options.folder.absolute()))


if __name__ == "__main__":
    main()
