"""Finds a model that is to be imported: a folder, a run of another trainer, a model of the Hub."""

from __future__ import annotations

import dataclasses
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from stemma import lfs
from stemma.errors import ModelError
from stemma.files import read_json
from stemma.modeling.weights import tensors
from stemma.store.errors import ProjectError

ADAPTER = "adapter_config.json"
CARD = "README.md"
# What belongs to a model, as transformers and PEFT write it; its code, licence and card too.
_TAKEN = (
    *("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json"),
    *(ADAPTER, "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*"),
    *("merges.txt", "*.model", "*.jinja", "preprocessor_config.json", "processor_config.json"),
    *("modules.json", "sentence_bert_config.json", "*.py", CARD, "LICEN[CS]E*", "NOTICE*"),
)
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5", "*.msgpack")
_HUB = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


@dataclasses.dataclass(frozen=True)
class Found:
    """A model as it was found.

    Attributes:
        folder: where it stands.
        name: what it may be called here.
        origin: ``hf://…`` for a model of the Hub; the name of the folder for all others.
        revision: the commit on the Hub, the checkpoint of a run; empty for other folders.
        files: what belongs to it, relative to the folder.
        left_out: what else stands there, such as the state of an optimizer.
        license: as its card says; None if that does not say.
        base: the model that it says it was made of, as adapters do; None if it names none.
    """

    folder: Path
    name: str
    origin: str
    revision: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]
    license: str | None
    base: str | None


def find(source: str) -> Found:
    """Find a model.

    Args:
        source: a folder that save_pretrained() wrote; the output folder of a transformers Trainer,
            of which the best checkpoint is taken, or else the last; or ``OWNER/NAME[@REVISION]``
            of the Hub's cache on this machine.

    Raises:
        ProjectError: there is none.
        ModelError: it is no whole model of safetensors.
    """
    folder = Path(source)
    if folder.is_dir():
        name = folder.resolve().name
        if _has_model(folder):
            return _found(folder, name, name, "")
        checkpoint = _checkpoint_of(folder)
        if checkpoint:
            return _found(checkpoint, name, name, checkpoint.name)
        raise _nothing(folder)
    hub = _HUB.fullmatch(source)
    if not hub:
        raise ProjectError(
            f"{source} is no folder, and no model of the Hub",
            "name a folder with a model, or OWNER/NAME of one that lies in the Hub's cache",
        )
    snapshot = _snapshot(hub["id"], hub["revision"])
    return _found(snapshot, hub["id"].rpartition("/")[2], f"hf://{hub['id']}", snapshot.name)


def _has_model(folder: Path) -> bool:
    return any(folder.glob("*.safetensors")) or any(
        (folder / name).exists() for name in ("config.json", ADAPTER)
    )


def _checkpoint_of(folder: Path) -> Path | None:
    """Return the checkpoint of a Trainer's run that is its result; None if there is none."""
    steps = {int(found[1]): one for one in folder.iterdir()
             if (found := _CHECKPOINT.fullmatch(one.name)) and _has_model(one)}  # fmt: skip
    if not steps:
        return None
    last = steps[max(steps)]
    state = last / "trainer_state.json"
    told = read_json(state) if state.exists() else {}
    # The path is that of the machine on which it ran.
    best = folder / Path(str(told.get("best_model_checkpoint") or "")).name
    return best if best in steps.values() else last


def _snapshot(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        # Nothing is fetched: `hf download` shows what comes, and asks for what it needs.
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (OSError, ValueError, HFValidationError) as error:
        at = f"@{revision}" if revision else ""
        raise ProjectError(
            f"{name}{at} does not lie in the Hub's cache on this machine, and is no folder",
            f"`hf download {name}`" + (f" --revision {revision}" if revision else ""),
        ) from error


def _found(folder: Path, name: str, origin: str, revision: str) -> Found:
    there = sorted(one.name for one in folder.iterdir() if one.is_file())
    files = [one for one in there if any(fnmatch(one, like) for like in _TAKEN)]
    for file in files:
        if file.endswith(tensors.SUFFIX):
            tensors.read_header(folder / file, f"{folder.name}/{file}")
        lfs.refuse_file(folder / file, ModelError, f"{folder.name}/{file}")
    if not any(file.endswith(tensors.SUFFIX) for file in files):
        raise _nothing(folder)
    _check_whole(folder, files)
    card, adapter = _front_matter(folder / CARD), _json(folder / ADAPTER)
    based = adapter.get("base_model_name_or_path") or card.get("base_model")
    license = card.get("license_name") or card.get("license")
    return Found(
        folder, name, origin, revision, tuple(files),
        tuple(one.name + "/" * one.is_dir() for one in sorted(folder.iterdir())
              if one.name not in files),
        str(license) if isinstance(license, str) else None,
        str(based) if isinstance(based, str) else None,
    )  # fmt: skip


def _check_whole(folder: Path, files: list[str]) -> None:
    if not {"config.json", ADAPTER} & {*files}:
        raise ModelError(
            f"{folder.name} has weights, and neither config.json nor {ADAPTER}",
            "save the model there with save_pretrained()",
        )
    for file in files:
        if not file.endswith(".index.json"):
            continue
        named = {str(one) for one in (_json(folder / file).get("weight_map") or {}).values()}
        if lost := sorted(named - {*files}):
            raise ModelError(
                f"{folder.name} has no {lost[0]}, which {file} names",
                "bring all files of the model" + (f"; {len(lost)} are missing" * (len(lost) > 1)),
            )


def _nothing(folder: Path) -> ModelError:
    pickles = sorted(one.name for like in _PICKLES for one in folder.glob(like))
    if pickles:
        return ModelError(
            f"{folder.name} holds {pickles[0]}, a pickle, which can run code when it is loaded",
            "only safetensors are taken: convert it where you trust it",
        )
    return ModelError(
        f"{folder.name} holds no model: there are no safetensors",
        "name a folder that save_pretrained() wrote, or the output folder of a Trainer",
    )


def _front_matter(path: Path) -> dict[str, Any]:
    """Return what a model card says of itself to programs; {} if nothing can be read."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8", errors="replace")
    parts = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    try:
        told = yaml.safe_load(parts[1]) if parts else None
    except yaml.YAMLError:
        return {}
    return told if isinstance(told, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        told = read_json(path)
    except ValueError as error:
        raise ModelError(
            f"{path.parent.name}/{path.name} is no JSON: {error}", "is it a whole model?"
        ) from error
    return told if isinstance(told, dict) else {}
