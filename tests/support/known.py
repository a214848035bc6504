"""A history in which each version differs from the one before by one known change.

The real stages make it, within one process: what takes long is to import torch for each of them.

    start ─ rewritten ─ document ─ merged ─ deeper ─ merge ─ layer ─ package (main)
                │ └──── rate ───────┘                           └─ gone
                └────── tuned ─ retuned

Each of these is a tag; ``tried`` is an experiment with what ``rate`` has. The bytes of ``gone`` are
not in the cache, but in the folder ``store`` beside the project, which is laid out as a remote.
"""

import importlib
import json
import shutil
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

from based import EXPERIMENT
from project import Project

DOCUMENTS = 160
CHANGED = "hamlet/act-3/scene-1/18"
"""A document of which the eight steps of training see that which changes."""
SWAP = "ladies most", "most ladies"
"""The same words, which make the same tokenizer, and the text stays in train."""
PACKAGE = "gguf", "0.19.0", "0.19.1"
LAYER = "transformer.h.1."
"""What the names of its tensors begin with."""
PIECES = Path("data/input/pieces.jsonl")
REBUILD = ("train", "evaluate", "export")
ALL = ("ingest", "base", "prepare", *REBUILD)


def make(built: Path, folder: Path) -> None:
    """Make the history in ``folder/project``, from a copy of the tiny version."""
    shutil.copytree(built, folder / "project", symlinks=True)
    Project(folder / "project").run([sys.executable, str(Path(__file__).resolve())])


def read(path: Path) -> dict[str, str]:
    """Return the texts of the documents in a file of data/input, by id."""
    return {row["name"]: row["text"] for row in map(json.loads, path.read_text().splitlines())}


class _Author:
    """Makes versions in the current folder."""

    def __init__(self) -> None:
        self._project = Project(Path.cwd())

    def git(self, *arguments: str) -> None:
        self._project.run(["git", *arguments])

    def compose(self, *overrides: str) -> None:
        from stemma import composition

        composition.write(composition.recompose(overrides))

    def build(self, *stages: str) -> None:
        for name in stages:
            importlib.import_module(f"stemma.stages.{name}").main()
        self.record()

    def record(self) -> None:
        from dvc.repo import Repo

        with Repo() as repo:
            repo.commit(force=True)

    def commit(self, name: str) -> None:
        self._project.commit(f"{name} is what changed")
        self.git("tag", name)


def _main() -> None:
    author = _Author()
    author.git("tag", "start")
    _rewrite(author)
    _tune(author)
    _try_a_rate(author)
    _change_a_document(author)
    _merge(author)
    author.compose("model.layers=2")
    author.build(*REBUILD)
    author.commit("deeper")
    author.compose("tokenizer.vocab_size=401")
    author.build("prepare", *REBUILD)
    author.commit("merge")
    _change_a_layer(author)
    _lose(author)
    _change_a_package(author)


def _rewrite(author: _Author) -> None:
    scenes = read(Path("data/input/scenes.jsonl"))
    Path("data/input/scenes.jsonl").unlink()
    _write(_pieces(scenes))
    author.build(*ALL)
    author.commit("rewritten")


def _pieces(scenes: Mapping[str, str]) -> dict[str, str]:
    """Cut scenes into documents so short that there are many of them to be measured on."""
    found: dict[str, str] = {}
    for name, text in scenes.items():
        for number, start in enumerate(range(0, len(text) - 400, 400)):
            found[f"{name}/{number}"] = text[start : start + 400]
    # Some of each scene, whatever their order.
    chosen = sorted(found, key=lambda name: zlib.crc32(name.encode()))
    return {name: found[name] for name in sorted(chosen[:DOCUMENTS])}


def _write(documents: dict[str, str]) -> None:
    lines = (json.dumps({"name": name, "text": text}) for name, text in documents.items())
    PIECES.write_text("\n".join(lines) + "\n")


def _tune(author: _Author) -> None:
    """A fine-tune of the tiny version, and one of that, on documents that the first never saw."""
    author.git("checkout", "-q", "-b", "fine")
    Path("conf/experiment/tiny.yaml").write_text(EXPERIMENT.format(method="full"))
    author.compose("model.base.path=stemma://start")
    author.build("base", "prepare", *REBUILD)
    author.commit("tuned")
    author.compose("model.base.path=stemma://tuned")
    author.build("base", "prepare", *REBUILD)
    author.commit("retuned")
    _go_back(author, "main")


def _try_a_rate(author: _Author) -> None:
    author.git("checkout", "-q", "-b", "side")
    author.compose("train.learning_rate=0.2")
    author.build(*REBUILD)
    Project(Path.cwd()).run("dvc exp save -q -n tried")
    author.commit("rate")
    _go_back(author, "main")


def _change_a_document(author: _Author) -> None:
    documents = read(PIECES)
    documents[CHANGED] = documents[CHANGED].replace(*SWAP)
    _write(documents)
    author.build("ingest", "prepare", *REBUILD)
    author.commit("document")


def _merge(author: _Author) -> None:
    author.git("merge", "-q", "-s", "ours", "--no-commit", "side")
    author.compose("train.learning_rate=0.2")
    author.build(*REBUILD)
    author.commit("merged")


def _change_a_layer(author: _Author) -> None:
    from safetensors.torch import load_file, save_file

    path = Path("models/trained/model.safetensors")
    weights = {
        name: tensor * 1.5 if name.startswith(LAYER) else tensor
        for name, tensor in load_file(path).items()
    }
    save_file(weights, path, {"format": "pt"})
    author.build("evaluate", "export")
    author.commit("layer")


def _lose(author: _Author) -> None:
    before = set(_objects())
    author.git("checkout", "-q", "--detach")
    author.compose("runtime.seed=2")
    author.build(*REBUILD)
    author.commit("gone")
    for path in sorted(set(_objects()) - before):
        target = Path("../store") / path.relative_to(".dvc/cache")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    _go_back(author, "main")


def _objects() -> list[Path]:
    return [path for path in Path(".dvc/cache/files").rglob("*") if path.is_file()]


def _change_a_package(author: _Author) -> None:
    name, before, after = PACKAGE
    path = Path("environment.lock")
    path.write_text(path.read_text().replace(f"{name}=={before}", f"{name}=={after}"))
    # The same bytes come out: to run the stages would show no more.
    author.record()
    author.commit("package")


def _go_back(author: _Author, branch: str) -> None:
    from dvc.repo import Repo

    author.git("checkout", "-q", branch)
    with Repo() as repo:
        repo.checkout(force=True)


if __name__ == "__main__":
    _main()
