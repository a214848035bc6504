"""Runs a stage as DVC does: in the declared environment, on inputs that nobody edits meanwhile.

DVC hashes a stage's dependencies when its command has ended. What was edited during the command
would stand in dvc.lock as what the outputs were made of.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from stemma import code, pipeline
from stemma.closure import closure
from stemma.config import load, read_params, settings
from stemma.environment import RuntimeSettings, cap, differences
from stemma.errors import ReproducibilityError, boundary
from stemma.files import sha256_of

_STRICT = "runtime.strict=true stops here"


S = TypeVar("S")


@settings
class _Declared:
    runtime: RuntimeSettings


def main(name: str, kind: type[S], run: Callable[[S], None]) -> None:
    """Run a stage with the settings of params.yaml.

    Args:
        name: what dvc.yaml calls the stage.
        kind: its settings.
        run: the stage.

    Raises:
        SystemExit: code 1 after an error of the user's, which stands in one line on stderr.
    """
    with boundary(f"stemma {name}"):
        before = _inputs(name)
        runtime = load(_Declared).runtime
        if os.environ.get("TORCHELASTIC_RUN_ID") != "stemma":  # else who started this one has said
            _tell(name, differences(runtime), runtime.strict)
        if before:
            code.refuse_drift(name, read_params())
        cap(runtime.instructions)
        run(load(kind))
        _refuse_changes(before, _inputs(name))


def _tell(name: str, unlike: list[str], strict: bool) -> None:
    if not unlike:
        return
    line = f"not the declared environment: {'; '.join(unlike)}"
    if strict:
        raise ReproducibilityError(
            line, "bring it to what is declared, or set runtime.strict=false"
        )
    print(f"stemma {name}: {line} ({_STRICT})", file=sys.stderr)


def _refuse_changes(before: Mapping[str, object], after: Mapping[str, object]) -> None:
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if changed:
        raise ReproducibilityError(
            f"changed while the stage ran: {', '.join(changed)}",
            "its outputs were made with what was there before; type `dvc repro`",
        )


def _inputs(name: str) -> dict[str, object]:
    """Return a fingerprint of all that dvc.yaml gives a stage: dependencies, settings, code."""
    stage = pipeline.stage_of(name)
    if not stage:
        return {}
    params = read_params()
    keys = [item for item in stage.get("params", ()) if isinstance(item, str)]
    return {
        **{path: _fingerprint(Path(path)) for path in stage.get("deps", ())},
        **{f"{key} in params.yaml": pipeline.value_of(params, key) for key in keys},
        **closure(name, params),
    }


def _fingerprint(path: Path) -> object:
    # To hash a corpus a second time takes minutes, and no tool writes into one unseen by stat.
    if path.is_file():
        return sha256_of(path)
    return sorted(_look(file) for file in path.rglob("*") if file.is_file())


def _look(file: Path) -> tuple[str, int, int, int]:
    # The time of change cannot be set back, as that of modification can.
    stat = file.stat()
    return file.as_posix(), stat.st_size, stat.st_ctime_ns, stat.st_ino
