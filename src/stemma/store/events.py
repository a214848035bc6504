"""The tags of a registry, as GTO's grammar and Stemma's own few names read them.

GTO has ``lm@v1.2.0`` (a version is registered), ``lm#prod#3`` (it is assigned to a stage), and what
takes such a tag back. Stemma writes the first two only, and beside them what GTO has no word for::

    stemma/lm/v1.2.0/recall
    stemma/lm/v1.2.0/approval/prod/ada
    stemma/lm/v1.2.0/signature/3f1c…
    stemma/lm/v1.2.0/trial/prod/1764288000

The message of a tag of Stemma's has a line for people, and behind it a trailer with the evidence in
JSON, so that the evidence goes wherever the tag goes.
https://github.com/iterative/gto
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from stemma.store import tags
from stemma.store.tags import Tag

Kind = Literal[
    "register", "assign", "deregister", "unassign", "deprecate", "recall", "approval", "signature",
    "trial",
]  # fmt: skip
OWN = "stemma/"
_TRAILER = "Stemma-Evidence: "
_WRITTEN = ("register", "assign", "recall", "approval", "signature", "trial")


@dataclasses.dataclass(frozen=True)
class Event:
    """What a tag says.

    Attributes:
        kind: what it does.
        artifact: the model's name, as ``artifacts:`` of dvc.yaml has it.
        version: such as ``v1.2.0``; None where the tag names none.
        stage: such as ``prod``; None where the tag names none.
        counter: the number at the end of a name; 0 if it has none.
        who: whose approval or signature it is; of a trial its number; empty otherwise.
        tag: the tag itself.
    """

    kind: Kind
    artifact: str
    version: str | None
    stage: str | None
    counter: int
    who: str
    tag: Tag

    @property
    def evidence(self) -> dict[str, Any]:
        """What the tag tells for machines; {} if it tells nothing that can be read."""
        return evidence_in(self.tag.message)


def read(root: Path = Path()) -> list[Event]:
    """Return the events of all artifacts, in the order of their time and counter."""
    found = [event for event in map(_event, tags.read(root)) if event is not None]
    return sorted(found, key=lambda one: (one.tag.time, one.counter, one.tag.name))


def is_event(tag: str) -> bool:
    """Say, at a glance, whether a tag says something of a version and does not name one."""
    return tag.startswith(OWN) or "#" in tag


def message(summary: str, lines: Iterable[str], evidence: Mapping[str, Any]) -> str:
    """Return the message of a tag: for people first, then for machines."""
    told = "".join(f"{line}\n" for line in lines)
    # One line: a trailer ends where its line ends.
    data = json.dumps(evidence, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{summary}\n\n{told}{chr(10) * bool(told)}{_TRAILER}{data}\n"


def evidence_in(text: str | None) -> dict[str, Any]:
    """Return the evidence in the message of a tag; {} if there is none that can be read."""
    for line in reversed((text or "").splitlines()):
        if line.startswith(_TRAILER):
            try:
                found = json.loads(line.removeprefix(_TRAILER))
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}


def name_of(
    kind: Kind, artifact: str, version: str = "", stage: str = "", counter: int = 0, who: str = ""
) -> str:
    """Return the name of a tag that Stemma writes."""
    from gto.constants import Action, name_to_tag
    from gto.tag import name_tag

    assert kind in _WRITTEN
    if kind == "register":
        return name_tag(Action.REGISTER, artifact, version=version, simple=True)
    if kind == "assign":
        return f"{name_tag(Action.ASSIGN, artifact, stage=stage, simple=True)}#{counter}"
    words = [name_to_tag(artifact), version, kind, stage, who]
    return OWN + "/".join(filter(None, words))


def _event(tag: Tag) -> Event | None:
    if tag.name.startswith(OWN):
        return _own(tag)
    # Whatever has neither sign is no tag of GTO's, which takes 0.4 s to import.
    return _gto(tag) if {"@", "#"} & {*tag.name} else None


def _gto(tag: Tag) -> Event | None:
    from gto.tag import parse_name

    parsed = parse_name(tag.name, raise_on_fail=False)
    if not parsed or "action" not in parsed:
        return None
    kind = parsed["action"].value
    return Event(
        kind, parsed["name"], parsed.get("version"), parsed.get("stage"),
        parsed.get("counter", 0), "", tag,
    )  # fmt: skip


def _own(tag: Tag) -> Event | None:
    from gto.constants import tag_to_name

    words = iter(tag.name.removeprefix(OWN).split("/"))
    head = list(_until(words, _WRITTEN[2:]))
    if len(head) < 3:
        return None
    *artifact, version, kind = head
    rest = list(words)
    stage = rest.pop(0) if kind in ("approval", "trial") and rest else None
    return Event(
        kind, tag_to_name("/".join(artifact)), version, stage, 0, "/".join(rest), tag  # type: ignore[arg-type]
    )  # fmt: skip


def _until(words: Iterator[str], ends: tuple[str, ...]) -> Iterator[str]:
    """Yield words up to the first that is one of ``ends``, which comes last."""
    for word in words:
        yield word
        if word in ends:
            return
