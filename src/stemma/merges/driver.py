"""What Git's merge driver does with each kind of file."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stemma import merging
from stemma.composition import digest_of_values
from stemma.files import atomic_file
from stemma.layout import CODE, PARAMS, RECORD
from stemma.merges import sides
from stemma.merges.lock import merge_locks
from stemma.merges.three_way import Merged, merge
from stemma.store.errors import ProjectError
from stemma.store.lock import LOCK

_SHOWN = 3  # keys or stages that a line names


@dataclasses.dataclass(frozen=True)
class Resolution:
    """What became of a file.

    Attributes:
        path: of the file, from the project's root.
        resolved: whether Git may take it as it is; otherwise somebody has to settle it.
        words: what was done, in one line.
    """

    path: str
    resolved: bool
    words: str


def resolve(path: str, base: Path, ours: Path, theirs: Path, root: Path = Path()) -> Resolution:
    """Merge a file, and write what it comes to over the bytes of ours, as Git wants it.

    Args:
        path: of the file, from the project's root.
        base: a file with its bytes in the common ancestor; empty if it has none.
        ours: a file with our bytes.
        theirs: a file with their bytes.
        root: the project.

    Raises:
        ProjectError: a side is torn. Nothing is written then.
    """
    raw = [one.read_bytes() for one in (base, ours, theirs)]
    if any(merging.has_marks(one) for one in raw):
        raise ProjectError(f"{path} has the marks of an earlier merge", "Git's own merge is left")
    if path == LOCK:
        content, found = _lock(raw)
    elif path in (PARAMS.as_posix(), CODE.as_posix()):
        content, found = _settings(path, raw)
    else:
        content, found = _report(path, raw, root)
    if content is not None:
        with atomic_file(ours) as handle:
            handle.write(content)
    return found


def _lock(raw: list[bytes]) -> tuple[bytes, Resolution]:
    names = ("the common ancestor", "ours", "theirs")
    parsed = [sides.parse(one, name) for one, name in zip(raw, names, strict=True)]
    found = merge_locks(*parsed)
    told = [
        f"{', '.join(stages)} of {side}"
        for side in ("ours", "theirs")
        if (stages := [name for name, kept in found.kept.items() if kept == side])
    ]
    if found.rebuilt:
        why = "; ".join(f"{name} ({reason})" for name, reason in _few(found.rebuilt).items())
        told.append(f"to be built by `dvc repro`: {why}")
    words = "; ".join(told) or "every stage is the same on both sides"
    return sides.dumped(found.content), Resolution(
        LOCK, True, f"{words}. `dvc checkout` brings outputs"
    )


def _settings(path: str, raw: list[bytes]) -> tuple[bytes, Resolution]:
    parsed = [_mapping(one, path) for one in raw]
    records = [one.get(RECORD) for one in parsed]
    base, ours, theirs = (_without_record(one) for one in parsed)
    found = merge(base, ours, theirs)
    value = found.value
    if isinstance(records[1], dict) and isinstance(records[2], dict):
        value = {RECORD: _record(records, value), **value}
    if path == CODE.as_posix():
        # `compose` writes it again, since the code that it stands for was merged.
        return _dumped(value), Resolution(path, True, "merged; `dvc repro` writes it again")
    return _dumped(value), Resolution(path, not found.conflicts, _words(found))


def _record(records: list[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of how merged settings were composed: by the overrides of both sides."""
    base, ours, theirs = (_overrides(one) for one in records)
    merged = merge(base, ours, theirs).value
    confs = [one.get("conf") if isinstance(one, dict) else None for one in records]
    # Where both sides edited conf/, Git has merged it since: `compose` sees that it is another.
    conf = merge(confs[0], confs[1], confs[2]).value
    return {
        "conf": conf,
        "overrides": [key if value is None else f"{key}={value}" for key, value in merged.items()],
        "values": digest_of_values(dict(values)),
    }


def _without_record(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != RECORD}


def _overrides(record: Any) -> dict[str, str | None]:
    listed = record.get("overrides", ()) if isinstance(record, dict) else ()
    split = [str(one).partition("=") for one in listed]
    return {key: value if sign else None for key, sign, value in split}


def _words(found: Merged) -> str:
    if not found.conflicts:
        return "merged key by key"
    told = [f"{key}: {ours} here, {theirs} there" for key, ours, theirs in found.conflicts[:_SHOWN]]
    more = len(found.conflicts) - _SHOWN
    also = f" and {more} more" if more > 0 else ""
    return (
        f"both sides changed {'; '.join(told)}{also}. What is here stands; settle it, then "
        f"`git add {PARAMS}` and `dvc repro`"
    )


def _report(path: str, raw: list[bytes], root: Path) -> tuple[bytes | None, Resolution]:
    around = sides.locks_around(path, raw[0], raw[2], root)
    if around is None:
        return None, Resolution(path, True, "ours stands: whose dvc.lock it is cannot be told")
    side = merge_locks(*around).side_of(path)
    if side == "theirs":
        return raw[2], Resolution(path, True, "theirs, as its stage is")
    if side is None:
        return None, Resolution(path, True, "ours stands until `dvc repro` makes it anew")
    return None, Resolution(path, True, "ours, as its stage is")


def _mapping(raw: bytes, path: str) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        # As params.yaml is written and read: a bare YAML 1.1 reader takes 1e-05 for a string.
        found = OmegaConf.to_container(OmegaConf.create(raw.decode()), resolve=False)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        told = " ".join(str(error).split())
        raise ProjectError(f"{path} cannot be read: {told}", "Git's own merge is left") from error
    if not isinstance(found, dict):
        raise ProjectError(f"{path} is no mapping", "Git's own merge is left")
    return {str(key): value for key, value in found.items()}


def _dumped(value: Mapping[str, Any]) -> bytes:
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(OmegaConf.create(dict(value))).encode()


def _few(named: Mapping[str, str]) -> dict[str, str]:
    shown = dict(list(named.items())[:_SHOWN])
    if len(named) > _SHOWN:
        shown[f"{len(named) - _SHOWN} more"] = "see `dvc status`"
    return shown
