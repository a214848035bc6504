"""Pins: pyproject.toml -> requirements.lock -> environment.lock. `make lock` runs it.

requirements.lock is what uv resolves for every extra, on every platform, less the CUDA packages:
torch brings those itself where its CUDA build is installed, and a CPU machine downloads none.
environment.lock is the part of it that can change a model's bytes, and the Python that it was
resolved for; the stages depend on it. To make versions with another Python, raise PYTHON.
"""

import re
import subprocess
import sys
from pathlib import Path

from stemma import merging

REQUIREMENTS = Path("requirements.lock")
ENVIRONMENT = Path("environment.lock")
PYTHON = "3.11"
RESOLVE = (
    f"uv pip compile pyproject.toml --all-extras --universal --python-version {PYTHON} "
    "--no-header --no-annotate --quiet"
)
CUDA = re.compile(r"(nvidia|cuda|triton)\b")
# What computes or encodes an output: the arithmetic, the tokenizer, the file formats.
CHANGES_BYTES = (
    "accelerate",
    "gguf",
    "gigatoken",
    "numpy",
    "peft",
    "py3langid",
    "pyarrow",
    "rensa",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
# The same, where they are installed.
OF_EXTRAS = {"onnx": "onnx", "onnx-ir": "onnx", "onnxruntime": "onnx", "onnxscript": "onnx"}


def main() -> None:
    """Write both files; with --check, fail if environment.lock is not what follows."""
    if "--check" in sys.argv:
        if ENVIRONMENT.read_text() != environment(REQUIREMENTS.read_text()):
            sys.exit("environment.lock does not follow from requirements.lock: type `make lock`")
        return
    resolved = subprocess.run(RESOLVE.split(), check=True, capture_output=True, text=True).stdout
    lines = [line for line in resolved.splitlines(keepends=True) if not CUDA.match(line)]
    REQUIREMENTS.write_text(f"# `make lock` writes this: {RESOLVE}\n" + "".join(lines))
    ENVIRONMENT.write_text(environment(REQUIREMENTS.read_text()))


def environment(requirements: str) -> str:
    """Return environment.lock as it follows from requirements.lock."""
    if merging.has_marks(requirements):
        sys.exit(f"{REQUIREMENTS} has the marks of an unfinished merge: type `make lock`")
    pinned = re.findall(r"^([\w.-]+)==.*$", requirements, re.MULTILINE)
    missing = sorted({*CHANGES_BYTES, *OF_EXTRAS} - set(pinned))
    if missing:
        sys.exit(f"requirements.lock does not pin {', '.join(missing)}: type `make lock`")
    python = re.findall(r"--python-version (\S+)", requirements)
    lines = [f"python=={version}.*" for version in python]
    found = [(line.split("==")[0], line) for line in requirements.splitlines()]
    lines += [line for name, line in found if name in CHANGES_BYTES]
    lines += [_of_extra(OF_EXTRAS[name], line) for name, line in found if name in OF_EXTRAS]
    return "# `make lock` derives this from requirements.lock.\n" + "\n".join(lines) + "\n"


def _of_extra(extra: str, line: str) -> str:
    pin, _, marker = line.partition(" ; ")
    return f"{pin} ; extra == '{extra}'" + (f" and ({marker})" if marker else "")


if __name__ == "__main__":
    main()
