"""Schemathesis against a server: what it is told, and a hook by which its requests reach a model.

`st` imports this file by its name in SCHEMATHESIS_HOOKS.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import schemathesis

# What the checks leave out, and why.
WITHOUT = (
    # A description cannot say all: how long a prompt may be, which schemas llguidance follows,
    # which tokens there are, that stream_options are for streams.
    "positive_data_acceptance",
)
_KEPT = 5  # of so many lengths of a name one is left as it is


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Ask most often for a model that is there, which no description can name."""
    model = os.environ["FUZZED_MODEL"]
    for place in (case.body, case.path_parameters, case.query):
        if isinstance(place, dict) and isinstance(told := place.get("model"), str):
            place["model"] = told if len(told) % _KEPT == 1 else model


def fuzz(
    url: str, model: str, *words: str, folder: Path, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Ask a server whatever its description allows, and what it does not.

    Args:
        url: of the server.
        model: that is there.
        words: further options of ``st run``.
        folder: for what schemathesis writes.
        key: of the server.
    """
    command = [
        str(Path(sys.executable).with_name("st")), "run", f"{url}/openapi.json",
        "--continue-on-failure", "--no-shrink", "--checks", "all", "--no-color",
        "--exclude-checks", ",".join(WITHOUT), "--warnings", "off", "--generation-database", "none",
        *(["-H", f"Authorization: Bearer {key}"] if key else []), *words,
    ]  # fmt: skip
    told = {"SCHEMATHESIS_HOOKS": Path(__file__).stem, "PYTHONPATH": str(Path(__file__).parent)}
    environment = os.environ | told | {"FUZZED_MODEL": model}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
