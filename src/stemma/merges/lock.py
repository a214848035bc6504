"""Merges dvc.lock: each stage keeps the side whose inputs the merge has, or is built anew."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from stemma.merges.three_way import ABSENT, merge

Content = Mapping[str, Any]
"""What a dvc.lock holds, as YAML has it."""
Side = Literal["both", "ours", "theirs"]


@dataclasses.dataclass(frozen=True)
class MergedLock:
    """A dvc.lock that two sides come to.

    Attributes:
        content: what the file holds. A stage that is to be built is not in it: DVC builds it.
        kept: which side each stage of it is of.
        rebuilt: why each of the others is to be built.
    """

    content: dict[str, Any]
    kept: dict[str, Side]
    rebuilt: dict[str, str]

    def side_of(self, path: str) -> Side | None:
        """Return the side whose stage made an output; None if it is to be made, or no output."""
        for name, side in self.kept.items():
            for out in self.content["stages"][name].get("outs", ()):
                if path == out["path"] or path.startswith(f"{out['path']}/"):
                    return side
        return None


def merge_locks(base: Content, ours: Content, theirs: Content) -> MergedLock:
    """Merge two dvc.lock.

    The inputs of a stage (command, dependencies, settings) are merged as files are: what one side
    left as it was is taken from the other, and of what another stage makes the merged hash counts.
    Where they equal the inputs of one side, nothing needs to be built: that side made its outputs
    of just these. So nobody is asked.

    Args:
        base: of the version before both.
        ours: of our side.
        theirs: of their side.
    """
    return _Merge(*(side.get("stages") or {} for side in (base, ours, theirs))).merged(ours)


class _Merge:
    def __init__(self, base: Content, ours: Content, theirs: Content) -> None:
        self._sides = base, ours, theirs
        # A circle, which DVC refuses, would not end.
        self._asked: dict[str, None] = {}
        self._entries: dict[str, Any] = {}
        self.kept: dict[str, Side] = {}
        self.rebuilt: dict[str, str] = {}
        self._makers = {
            out["path"]: name
            for side in (theirs, ours)
            for name, entry in side.items()
            for out in entry.get("outs", ())
        }

    def merged(self, ours: Content) -> MergedLock:
        _, left, right = self._sides
        for name in dict.fromkeys([*left, *right]):
            self._settle(name)
        stages = {name: self._entries[name] for name in self._entries}
        content = {"schema": ours.get("schema", "2.0"), "stages": stages}
        return MergedLock(content, self.kept, self.rebuilt)

    def _settle(self, name: str) -> None:
        if name in self._asked:
            return
        self._asked[name] = None
        base, ours, theirs = (side.get(name, ABSENT) for side in self._sides)
        if ABSENT in (ours, theirs) and base is not ABSENT:
            if base not in (ours, theirs):
                self.rebuilt[name] = "one side removed it, the other changed it"
            return
        try:
            inputs = self._inputs(name, base, ours, theirs)
        except _Unknown as unknown:
            self.rebuilt[name] = str(unknown)
            return
        fits_ours = ours is not ABSENT and _inputs_of(ours) == inputs
        fits_theirs = theirs is not ABSENT and _inputs_of(theirs) == inputs
        if not fits_ours and not fits_theirs:
            self.rebuilt[name] = "both sides changed what goes into it"
            return
        same = ours == theirs
        self.kept[name] = "both" if same else "ours" if fits_ours else "theirs"
        self._entries[name] = ours if fits_ours else theirs

    def _inputs(self, name: str, base: Any, ours: Any, theirs: Any) -> dict[str, Any]:
        """Return the merged inputs of a stage.

        Raises:
            _Unknown: they cannot be told before another stage is built, or both sides changed one.
        """
        sides = [{} if side is ABSENT else _inputs_of(side) for side in (base, ours, theirs)]
        if ABSENT in (ours, theirs):  # a stage that one side added
            merged = sides[1] or sides[2]
        else:
            found = merge(sides[0], sides[1], sides[2])
            conflicts = [key for key, *_ in found.conflicts if not self._is_made(key)]
            if conflicts:
                raise _Unknown(f"both sides changed {conflicts[0].partition('.')[2]}")
            merged = found.value
        deps = {path: self._made(path, md5) for path, md5 in merged["deps"].items()}
        return {**merged, "deps": deps}

    def _is_made(self, key: str) -> bool:
        return key.startswith("deps.") and key.removeprefix("deps.") in self._makers

    def _made(self, path: str, md5: str) -> str:
        """Return the hash of a dependency: of what a stage makes, that of the merged stage."""
        maker = self._makers.get(path)
        if maker is None:
            return md5
        self._settle(maker)
        entry = self._entries.get(maker)
        if entry is None:
            raise _Unknown(f"{path} is to be built by {maker}")
        return next(out["md5"] for out in entry["outs"] if out["path"] == path)


class _Unknown(Exception):  # noqa: N818 (no error: a stage is to be built)
    """The inputs of a stage are not known."""


def _inputs_of(entry: Content) -> dict[str, Any]:
    return {
        "cmd": entry.get("cmd"),
        "deps": dict(_hashes(entry)),
        "params": entry.get("params") or {},
    }


def _hashes(entry: Content) -> Iterator[tuple[str, str]]:
    for dep in entry.get("deps") or ():
        yield dep["path"], dep.get("md5") or str(dep)
