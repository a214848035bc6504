"""Large models that take next to no disk, in a repository; and what a process takes to read them.

The files are sparse: what was not written is a hole, and reads as zeros.
"""

import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from foreign import new
from project import Project

from stemma.hashes import files_of, md5_of, name_of
from stemma.store.objects import path_in

NAME = "models/large"
INDEX = "model.safetensors.index.json"
WRITTEN = 2**18  # bytes of a tensor that are no hole, where it has any
_WIDTHS = {"BF16": 2, "F32": 4}


@dataclasses.dataclass(frozen=True)
class Shape:
    """A model of Llama's architecture, its head not tied to its embedding.

    Attributes:
        keys: numbers in the keys of a token.
        files: over how many the tensors are spread, in their order.
        dtype: of the numbers, as safetensors calls it.
    """

    vocabulary: int
    width: int
    keys: int
    feed_forward: int
    layers: int
    files: int
    dtype: str = "BF16"

    def tensors(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield name and shape of each tensor."""
        yield "model.embed_tokens.weight", (self.vocabulary, self.width)
        for layer in range(self.layers):
            prefix = f"model.layers.{layer}"
            yield f"{prefix}.input_layernorm.weight", (self.width,)
            for name, rows in (("q", self.width), ("k", self.keys), ("v", self.keys)):
                yield f"{prefix}.self_attn.{name}_proj.weight", (rows, self.width)
            yield f"{prefix}.self_attn.o_proj.weight", (self.width, self.width)
            yield f"{prefix}.post_attention_layernorm.weight", (self.width,)
            for name in ("gate", "up"):
                yield f"{prefix}.mlp.{name}_proj.weight", (self.feed_forward, self.width)
            yield f"{prefix}.mlp.down_proj.weight", (self.width, self.feed_forward)
        yield "model.norm.weight", (self.width,)
        yield "lm_head.weight", (self.vocabulary, self.width)

    def config(self) -> dict[str, Any]:
        """Return its config.json."""
        heads = self.width // 128
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "intermediate_size": self.feed_forward,
            "num_hidden_layers": self.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": self.keys // 128,
            "max_position_embeddings": 8192,
            "tie_word_embeddings": False,
            "dtype": {"BF16": "bfloat16", "F32": "float32"}[self.dtype],
        }


SMALL = Shape(128_256, 1536, 512, 6144, 8, 2)
"""1.3 GB in two files; more than half of it are two tensors of 0.4 GB."""
GIANT = Shape(128_256, 4096, 1024, 14_336, 41, 8)
"""20 GB, as Llama 3 8B with nine layers more."""


def write_model(folder: Path, shape: Shape, seed: int = 0) -> None:
    """Write a model, its tokenizer left out.

    Args:
        folder: an existing folder.
        shape: of the model.
        seed: which numbers the MLP of each layer has; all other tensors are alike.
    """
    tensors, width = list(shape.tensors()), _WIDTHS[shape.dtype]
    total = sum(width * math.prod(its) for _, its in tensors)
    files: list[dict[str, tuple[int, ...]]] = [{} for _ in range(shape.files)]
    begun = 0
    for name, its in tensors:
        files[begun * shape.files // total][name] = its
        begun += width * math.prod(its)
    names = [f"model-{k:05}-of-{shape.files:05}.safetensors" for k in range(1, shape.files + 1)]
    for name, inside in zip(names, files, strict=True):
        _write_file(folder / name, inside, shape.dtype, seed)
    places = {one: name for name, inside in zip(names, files, strict=True) for one in inside}
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (folder / INDEX).write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(shape.config()))


def _write_file(path: Path, inside: dict[str, tuple[int, ...]], dtype: str, seed: int) -> None:
    import numpy as np

    header, starts, at = {}, {}, 0
    for name, its in inside.items():
        size = _WIDTHS[dtype] * math.prod(its)
        header[name] = {"dtype": dtype, "shape": list(its), "data_offsets": [at, at + size]}
        starts[name], at = at, at + size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        handle.truncate(8 + len(text) + at)
        for index, (name, start) in enumerate(starts.items()):
            if "mlp.down_proj" in name or "embed" in name or name == "lm_head.weight":
                own = seed if "mlp" in name else 0
                numbers = np.random.default_rng([own, index]).normal(0, 0.02, WRITTEN // 4)
                raw = numbers.astype("<f4").view("<u2").reshape(-1, 2)
                handle.seek(8 + len(text) + start)
                # The upper half of a number in single precision is one in bfloat16.
                handle.write(raw[:, 1].tobytes() if dtype == "BF16" else raw.tobytes())


def repository(folder: Path, shape: Shape) -> Project:
    """Make a repository with two versions of a model; that of the second is the working tree's."""
    project = new(folder)
    project.run(["dvc", "config", "cache.type", "hardlink,symlink"])
    artifact = {"large": {"path": NAME, "type": "model"}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"artifacts": artifact}))
    for seed in (1, 2):
        model = folder / NAME
        model.mkdir(parents=True, exist_ok=True)
        for file in model.iterdir():
            file.unlink()
        write_model(model, shape, seed)
        _add(project)
        project.commit(f"version {seed}")
        project.run(["git", "tag", f"v{seed}"])
    return project


def pipeline(folder: Path, shape: Shape) -> Project:
    """Make a repository with a stage that makes a model, and others at every run."""
    project = new(folder)
    project.run(["dvc", "config", "cache.type", "hardlink,symlink"])
    (folder / "make.py").write_text(
        f"import secrets, sys\nfrom pathlib import Path\nsys.path[:0] = {sys.path!r}\n"
        f"import large\nmodel = Path({NAME!r})\nmodel.mkdir(parents=True)\n"
        f"large.write_model(model, large.{shape}, secrets.randbelow(2**30))\n"
    )
    stage = {"cmd": f"{sys.executable} make.py", "deps": ["make.py"], "outs": [NAME]}
    artifacts = {"large": {"path": NAME, "type": "model"}}
    pipeline = {"stages": {"train": stage}, "artifacts": artifacts}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    project.run("dvc repro -q")
    project.commit("a model")
    return project


_SERVE = """
import sys
from pathlib import Path
from stemma.serving import source
found = source.revision(Path(), "v2", None) if sys.argv[1] == "rev" else source.path(
    Path(), Path(sys.argv[1]))
with found.folder(Path()) as folder:
    print(found.digest)
"""
_EXPORT = """
import sys
from pathlib import Path
from stemma.files import sha256_of
from stemma.modeling.weights.copy import copy_model
source, target = map(Path, sys.argv[1:3])
target.mkdir()
copy_model(source, target, sys.argv[3], True)
for file in target.iterdir():
    sha256_of(file)
"""


def verbs(model: Path) -> dict[str, list[str]]:
    """Return how to read a `repository`, by verb; ``model`` is its model in the working tree."""
    python = [sys.executable, "-c"]
    return {
        "show": ["stemma", "show", "v1"],
        "log": ["stemma", "log"],
        "diff": ["stemma", "diff", "v1", "v2"],
        "fsck": ["stemma", "fsck"],
        "status": ["stemma", "status"],
        "gc": ["stemma", "gc", "--unpushed", "--json"],
        "serve --rev": [*python, _SERVE, "rev"],
        "serve --path": [*python, _SERVE, str(model)],
    }


def export(model: Path, target: Path, dtype: str) -> list[str]:
    """Return how export writes a model into a new folder, and hashes it."""
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if not (model / name).exists():
            (model / name).write_text("{}")
    return [sys.executable, "-c", _EXPORT, str(model), str(target), dtype]


def _add(project: Project) -> None:
    """As `dvc add` does with hard links, and the holes stay holes."""
    model, cache = project.path / NAME, project.path / ".dvc/cache"
    files = files_of(model)
    with ThreadPoolExecutor() as pool:
        hashes = dict(zip(files, pool.map(md5_of, files.values()), strict=True))
    for name, file in files.items():
        place = path_in(cache, hashes[name])
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            file.unlink()
            os.link(place, file)
        else:
            os.link(file, place)
            place.chmod(0o444)
    key = name_of(hashes)
    listing = [{"md5": hashes[path], "relpath": path} for path in sorted(hashes)]
    place = path_in(cache, key)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(listing))
    size = sum(file.stat().st_size for file in files.values())
    out = {"md5": key, "size": size, "nfiles": len(files), "hash": "md5", "path": model.name}
    model.with_name(f"{model.name}.dvc").write_text(yaml.safe_dump({"outs": [out]}))
    model.with_name(".gitignore").write_text(f"/{model.name}\n")


_PEAK = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL)
seconds = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
told = {"code": done.returncode, "seconds": seconds, "peak_mib": used.ru_maxrss / 1024,
        "cpu_seconds": used.ru_utime + used.ru_stime}
print("\\n" + json.dumps(told))
"""


@dataclasses.dataclass(frozen=True)
class Taken:
    """What a process took, with all that it started.

    Attributes:
        seconds: of the wall clock.
        cpu_seconds: of all processors.
        peak_mib: most that one process had in memory, mapped pages of files included.
        said: what it printed.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    said: str


def taken(words: list[str], folder: Path, env: dict[str, str], check: bool = True) -> Taken:
    """Run a command in a process of its own, and return what it took.

    Not as a child of this process: its peak would begin with what this one holds.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", _PEAK, *words], cwd=folder, env=env, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    said, _, last = done.stdout.rstrip().rpartition("\n")
    told = json.loads(last)
    if check and told["code"]:
        raise AssertionError(f"{words}: exit {told['code']}\n{said}\n{done.stderr}")
    return Taken(told["seconds"], told["cpu_seconds"], told["peak_mib"], said)


def read_plainly(paths: list[Path]) -> float:
    """Return the seconds that ``cat`` takes to read files."""
    begun = time.perf_counter()
    subprocess.run(["cat", *map(str, paths)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun
