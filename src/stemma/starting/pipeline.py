"""dvc.yaml of a project: Stemma's own pipeline, depending on the project's code and not on ours.

Which code of the installed package a stage runs stands in code.lock. DVC cannot see the package
change, so `compose` runs at every `dvc repro`, for a second, and writes code.lock anew.
"""

import re
import textwrap
from typing import Any

import yaml

from stemma import shipped
from stemma.store.errors import ProjectError

NAME = "dvc.yaml"
_OURS = re.compile(r"(  compose:\n.*?    deps:\n      - conf\n).*?(?=    outs:\n)", re.DOTALL)
_SECTION = re.compile(r"^(\w+):\n((?:(?!\w).*\n?)*)", re.MULTILINE)
_ALWAYS = """\
      - src
    # An upgrade of Stemma is seen by `compose` alone.
    always_changed: true
"""


def text() -> str:
    """Return the pipeline of a new project."""
    ours = shipped.path(NAME).read_text(encoding="utf-8")
    made, times = _OURS.subn(rf"\g<1>{_ALWAYS}", ours)
    assert times == 1, "dvc.yaml of Stemma has no stage compose that depends on its code"
    return made


def added_to(existing: str) -> str:
    """Return a dvc.yaml with the stages, plots and artifacts of a new project added.

    What stands there stays as it is, with its comments and in its order; line by line, where it is
    written as most are.

    Raises:
        ProjectError: it cannot be read, or has a stage, plot or artifact of a name of ours.
    """
    from dvc.exceptions import DvcException
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    try:
        theirs = parse_yaml_for_update(existing, NAME) or {}
    except DvcException as error:
        raise ProjectError(f"{NAME} cannot be read: {error}", "mend it") from error
    ours = parse_yaml_for_update(text(), NAME)
    for section, content in ours.items():
        if section not in theirs:
            theirs[section] = content
        elif section == "plots":
            _add_plots(theirs, content)
        else:
            _add(section, theirs[section], content)
    whole = dumps_yaml(theirs)
    spliced = _spliced(existing, text())
    return spliced if _same(spliced, whole) else whole


def _spliced(theirs: str, ours: str) -> str:
    """Return their text with the lines of our sections at the ends of theirs of the same name."""
    lines = theirs.rstrip().splitlines()
    for name, body in _SECTION.findall(ours):
        start = next((at for at, line in enumerate(lines) if line.startswith(f"{name}:")), None)
        if start is None:
            lines += ["", f"{name}:", *body.rstrip().splitlines()]
            continue
        tops = (at for at in range(start + 1, len(lines)) if re.match(r"\w", lines[at]))
        end = next(tops, len(lines))
        indent = next((line for line in lines[start + 1 : end] if line.strip(" ")[:1] in "-#"), "")
        flush = name == "plots" and indent.startswith("-")
        new = textwrap.dedent(body) if flush else body
        lines[end:end] = new.rstrip().splitlines()
    return "\n".join(lines) + "\n"


def _same(one: str, other: str) -> bool:
    try:
        return yaml.safe_load(one) == yaml.safe_load(other)
    except yaml.YAMLError:
        return False


def _add(section: str, theirs: Any, ours: Any) -> None:
    if not isinstance(theirs, dict):
        raise ProjectError(f"{NAME}: {section} is no mapping", "mend it")
    both = sorted(theirs.keys() & ours.keys())
    if both:
        raise ProjectError(
            f"{NAME} has {section} of the same name: {', '.join(both)}",
            "`stemma init --subdir FOLDER` starts a project beside it",
        )
    for key, value in ours.items():
        theirs[key] = value


def _add_plots(theirs: Any, ours: list[Any]) -> None:
    # Either a list of mappings with one key or, as older projects have it, a mapping.
    if isinstance(theirs["plots"], list):
        theirs["plots"].extend(ours)
    else:
        _add("plots", theirs["plots"], {key: one[key] for one in ours for key in one})
