"""The export is no larger, no slower and takes no more memory than a server has room for.

Speed and memory are measured on this processor, in a process of its own that loads the export as a
server would: medians of some repetitions after a warm-up, and the most memory that was resident at
any time, libraries included.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from stemma.config import Positive, settings
from stemma.errors import ModelError
from stemma.files import read_json
from stemma.registry import serving
from stemma.registry.case import Case, Outcome
from stemma.registry.exported import architecture, check_fits, does, laid_out

NAME = "footprint"
Limit = Annotated[float, Field(gt=0)] | None
_SHOWN = {
    "megabytes": ("size", "MB"),
    "first_token_ms": ("first token", "ms"),
    "token_ms": ("each further token", "ms"),
    "memory_megabytes": ("memory", "MB"),
}
_POLL = 0.1  # seconds


@settings
class Settings:
    """Of the gate: limits, null for what is not to be measured."""

    megabytes: Limit
    """Size of all files of the export, in 10^6 bytes."""
    first_token_ms: Limit
    """Milliseconds from a prompt to the first token of the answer; of a model that does not write,
    to its scores."""
    token_ms: Limit
    """Milliseconds for each token after the first."""
    memory_megabytes: Limit
    """Most resident memory of the process, in 10^6 bytes."""
    prompt_tokens: Positive
    """How long the prompt is that is timed."""

    @model_validator(mode="after")
    def _is_one(self) -> "Settings":
        if all(getattr(self, name) is None for name in _SHOWN):
            raise ValueError("all of its limits are null")
        return self


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether the export is within each limit."""
    limits = {name: getattr(settings, name) for name in _SHOWN}
    output = case.model.output
    paths = [case.version.path(output, path) for path in case.version.files(output)]
    found: dict[str, Any] = {"megabytes": sum(path.stat().st_size for path in paths) / 1e6}
    if any(limits[name] is not None for name in _SHOWN if name not in found):
        found |= _measured(settings, case)
    told, passed = [], True
    for name, limit in limits.items():
        if limit is None:
            continue
        label, unit = _SHOWN[name]
        value = found[name]
        if value is None:
            told.append(f"{label}: it does not apply to {architecture(case)}")
            continue
        passed &= value <= limit
        told.append(f"{label} {value:.4g} {unit}, at most {limit:g} is asked")
    if "processor" in found:
        threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
        told.append(f"on {found['processor']} with {threads}")
    asked = {name: found[name] for name in found if limits.get(name, True) is not None}
    facts = {
        **asked, "limits": limits, "files": len(paths), "prompt_tokens": settings.prompt_tokens
    }  # fmt: skip
    return Outcome(NAME, passed, "; ".join(told), facts)


def _measured(settings: Settings, case: Case) -> dict[str, Any]:
    """Return what `stemma.registry.serving` measures.

    Raises:
        MissingError: bytes are nowhere.
        ModelError: the export cannot be loaded, or sees fewer tokens than are asked.
    """
    more = serving.TOKENS - 1 if does(architecture(case)) == "continues" else 0
    check_fits(case, settings.prompt_tokens + more, f"prompt_tokens of {NAME}")
    folder_of = laid_out(case.version, case.model.output, case.root)
    with folder_of as folder, tempfile.TemporaryDirectory(prefix="stemma-") as beside:
        answer, errors = Path(beside) / "found.json", Path(beside) / "errors"
        # -P: nothing that lies in the current folder is imported.
        command = [sys.executable, "-P", "-m", serving.__name__]
        command += [str(folder), str(settings.prompt_tokens), str(answer)]
        with errors.open("wb") as said:
            code = _wait(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            )
        if code == 0:
            return read_json(answer)
        lines = errors.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
    raise ModelError(
        f"{case.model.output} of {case.version.name} cannot be loaded and asked in a process of "
        f"its own: {last.strip()}",
        "`stemma fsck` shows all that is lost",
    )


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Return the exit code of a process, and show meanwhile how long it takes."""
    from tqdm import tqdm

    with process, tqdm(desc=NAME, unit="s", disable=None, delay=2, leave=False) as bar:
        begin = time.monotonic()
        while process.poll() is None:
            time.sleep(_POLL)
            bar.update(int(time.monotonic() - begin) - bar.n)
        return process.wait()
