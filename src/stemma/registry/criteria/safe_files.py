"""The weights are safetensors, and no file is, or names, code that a loader would run."""

import json
from pathlib import Path, PurePosixPath

from stemma.config import settings
from stemma.errors import ModelError
from stemma.modeling.weights.tensors import read_header
from stemma.registry.case import Case, Outcome

NAME = "safe_files"
# By their endings; whatever has another one is refused.
_KNOWN = frozenset({".safetensors", ".json", ".jsonl", ".txt", ".md", ".model", ".gguf", ".onnx"})
_PICKLE = b"\x80"
_CODE = ("auto_map", "custom_pipelines", "trust_remote_code")


@settings
class Settings:
    """Of the gate."""

    also: list[str]
    """Endings of further files that are harmless, such as .jinja."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether every file is of a harmless kind."""
    wrong = []
    output = case.model.output
    for path in case.version.files(output):
        if why := _why(path, case, {*_KNOWN, *settings.also}):
            wrong.append(f"{path}: {why}")
    count = len(case.version.files(output))
    told = "; ".join(wrong) or f"{count} files, the weights in safetensors, none executable"
    if not any(path.endswith(".safetensors") for path in case.version.files(output)):
        wrong.append("no safetensors")
        told = f"{output} has no weights in safetensors"
    return Outcome(NAME, not wrong, told, {"files": count, "refused": wrong})


def _why(path: str, case: Case, known: set[str]) -> str:
    ending = PurePosixPath(path).suffix.lower()
    if ending not in known:
        return f"{ending or 'a file without an ending'} is not known to be harmless"
    file = case.version.path(case.model.output, path)
    if ending == ".safetensors":
        return _why_no_tensors(file, path)
    with file.open("rb") as handle:
        head = handle.read(4)
    if head[:1] == _PICKLE or head[:2] in (b"#!", b"MZ", b"PK") or head == b"\x7fELF":
        return "it is a pickle, an archive or a program by its first bytes"
    if ending == ".json" and file.stat().st_size < 2**20:
        try:
            content = json.loads(file.read_bytes())
        except ValueError:
            return "it is no JSON"
        if isinstance(content, dict) and (named := [key for key in _CODE if content.get(key)]):
            return f"{named[0]} names code that a loader would run"
    return ""


def _why_no_tensors(file: Path, path: str) -> str:
    # Its first bytes are the length of its header, and may be those of anything.
    try:
        read_header(file, path)
    except ModelError as error:
        return f"it holds no tensors ({error.message})"
    return ""
