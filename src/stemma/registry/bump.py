"""Which number of a version goes up: proposed from what changed since the last one."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, Literal

from stemma.registry.models import Model
from stemma.store import git
from stemma.store.registry import Registered, Registry
from stemma.store.version import Commit, Version

Level = Literal["major", "minor", "patch"]
FIRST = "v1.0.0"
# By which a program that loads the model sees another one, in config.json of transformers.
_INTERFACE = (
    "architectures", "model_type", "vocab_size", "max_position_embeddings", "n_positions",
    "id2label", "is_encoder_decoder",
)  # fmt: skip
_TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "vocab.txt",
    "merges.txt", "special_tokens_map.json", "chat_template.jinja",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Bump:
    """How a version differs from the last registered one.

    Attributes:
        since: the name of that one; None if there is none.
        level: the number that goes up; None if the model is the same, or there is none before.
        reasons: what changed.
    """

    since: str | None
    level: Level | None
    reasons: tuple[str, ...]


def proposed(registry: Registry, model: Model, version: Version) -> Bump:
    """Compare a version with the last registered one that it comes after.

    Another tokenizer, task or interface breaks who uses the model: major. Other data or weights
    change what it says: minor. Other files of the export change how it is handed on: patch.

    Raises:
        MissingError: which files a version has is known nowhere.
    """
    last = last_before(registry, model.name, version.commit or "")
    if last is None:
        return Bump(None, None, ())
    before = Commit(last.name, last.commit, registry.root)
    if breaking := tuple(_breaking(before, version, model.output)):
        return Bump(last.name, "major", breaking)
    if retrained := tuple(_retrained(before, version)):
        return Bump(last.name, "minor", retrained)
    ours, theirs = version.files(model.output), before.files(model.output)
    others = sorted(path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path))
    return Bump(
        last.name, "patch" if others else None, tuple(f"{path} is another" for path in others)
    )


def last_before(registry: Registry, artifact: str, commit: str) -> Registered | None:
    """Return the greatest version at an ancestor of a commit, or else the greatest of all."""
    versions = registry.versions(artifact)
    merged = git.run(["rev-list", commit, "--"], registry.root).split() if versions else []
    ancestors = {*merged}
    earlier = [one for one in versions if one.commit in ancestors]
    found = earlier or versions
    return found[-1] if found else None


def next_version(versions: list[Registered], since: str | None, level: Level) -> str:
    """Return the number after the last one, raised further while it is taken."""
    from gto.versions import SemVer

    last = since.rpartition("@")[2] if since else versions[-1].version
    taken = {one.version for one in versions}
    raised = SemVer(last)
    while True:
        raised = getattr(raised, f"bump_{level}")()
        if raised.version not in taken:
            return raised.version


def is_version(word: str) -> bool:
    """Say whether a word is a version such as ``v1.2.0``."""
    from gto.versions import SemVer

    return SemVer.is_valid(word)


def _breaking(before: Version, after: Version, output: str) -> Iterator[str]:
    if (was := _task(before)) != (now := _task(after)):
        yield f"the task is {now}, was {was}"
    ours, theirs = after.files(output), before.files(output)
    for path in _TOKENIZER:
        if ours.get(path) != theirs.get(path):
            yield f"the tokenizer changed: {path}"
            break
    if ours.get("config.json") != theirs.get("config.json"):
        old, new = _config(before, output), _config(after, output)
        for key in _INTERFACE:
            if old.get(key) != new.get(key):
                yield f"{key} is {_short(new.get(key))}, was {_short(old.get(key))}"


def _retrained(before: Version, after: Version) -> Iterator[str]:
    for paths, what in (
        ((after.declared.raw, after.declared.prepared), "the data changed"),
        ((after.declared.trained,), "the weights changed"),
    ):
        outs = before.lock.outs, after.lock.outs
        if any(outs[0].get(path, ("",))[0] != outs[1].get(path, ("",))[0] for path in paths):
            yield what


def _task(version: Version) -> Any:
    tasks = [
        stage.params["task"]["name"]
        for stage in version.stages()
        if isinstance(stage.params.get("task"), dict) and "name" in stage.params["task"]
    ]
    return tasks[0] if tasks else None


def _config(version: Version, output: str) -> dict[str, Any]:
    raw = version.content(output, "config.json")
    try:
        found = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) < 40 else f"{text[:37]}..."
