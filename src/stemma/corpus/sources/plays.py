"""The markdown of a play, turned into plain text as a play is printed, scene by scene."""

import dataclasses
import re
from collections.abc import Iterator

_TITLE = re.compile(r"# +(.+)")
# Six headings of the package lack their marks: four epilogues, and two scenes with a colon.
_HEADING = re.compile(r"#+ +(.+)|(EPILOGUE|SCENE [IVXL]+:.*)")
_OPENING = re.compile(r"PROLOGUE|INDUCTION", re.IGNORECASE)
_NUMBERED = re.compile(r"(ACT|SCENE) ([IVXL]+)")
_BLANK = re.compile(r"\n[ \t]*\n\s*")

NAME = re.compile(r"\*\*([^*]+)\*\*")
# A direction may lack its first mark or have it twice, may bring its own brackets, may be empty.
DIRECTION = re.compile(r"(?:[_*]+\\?\[?|\\?\[)(\s|[^_*\[\]]+?)(\s*)\]?[_*]+")
_ESCAPE = re.compile(r"\\([^\w\s])")

_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50}


@dataclasses.dataclass(frozen=True)
class Scene:
    """One scene, prologue or epilogue.

    Attributes:
        key: unique within the play, such as ``act-1/scene-2``.
        text: the headings, one per line, and the scene; ends with one newline.
        markdown: the scene as the package has it, without its headings.
    """

    key: str
    text: str
    markdown: str


@dataclasses.dataclass
class _Section:
    division: str
    headings: list[str]
    lines: list[str]


def scenes(markdown: str, title: str) -> Iterator[Scene]:
    """Yield the scenes of a play in order.

    Args:
        markdown: the play as the package has it.
        title: for a play that has no title line of its own.
    """
    first, _, rest = markdown.partition("\n")
    found = _TITLE.fullmatch(first.rstrip())
    seen: dict[str, int] = {}
    for section in _sections(rest if found else markdown):
        headings = [found[1] if found else title, section.division, *section.headings]
        lines = "\n".join(heading for heading in headings if heading)
        markdown = "\n".join(line.rstrip() for line in section.lines)
        yield Scene(_key(section, seen), f"{lines}\n\n{plain(markdown)}\n", markdown)


def plain(markdown: str) -> str:
    """Turn paragraphs into plain text, one blank line between them.

    A speaker's bold name becomes a line of its own, an emphasised stage direction stands in square
    brackets, a backslash escape loses its backslash.
    """
    text = NAME.sub(r"\1", markdown)
    text = DIRECTION.sub(r"[\1]\2", text)
    text = _ESCAPE.sub(r"\1", text)
    return _BLANK.sub("\n\n", text).strip()


def _sections(markdown: str) -> Iterator[_Section]:
    # The level of a heading is not to be trusted (`#### ACT II`, `## SCENE I`); its words are.
    section = _Section("", [], [])
    for line in markdown.split("\n"):
        found = _HEADING.fullmatch(line.rstrip())
        if not found:
            section.lines.append(line)
            continue
        heading = found[1] or found[2]
        opened = _open(heading, section)
        if _has_text(section) and opened.lines is not section.lines:
            yield section
        section = opened
    if _has_text(section):
        yield section


def _open(heading: str, before: _Section) -> _Section:
    if heading.startswith("ACT ") or (_OPENING.match(heading) and not before.division):
        return _Section(heading, [], [])
    if heading == "EPILOGUE":
        return _Section("", [heading], [])
    # What stands between an act's heading and its first scene, and a heading without a text
    # (an intermission), belong to the scene that follows.
    if not before.headings or not _has_text(before):
        return _Section(before.division, [*before.headings, heading], before.lines)
    return _Section(before.division, [heading], [])


def _has_text(section: _Section) -> bool:
    return any(line.strip() for line in section.lines)


def _key(section: _Section, seen: dict[str, int]) -> str:
    parts = [section.division, *section.headings[-1:]]
    key = "/".join(_slug(part) for part in parts if part)
    # The package numbers two scenes of one act alike.
    seen[key] = seen.get(key, 0) + 1
    return key if seen[key] == 1 else f"{key}-{seen[key]}"


def _slug(heading: str) -> str:
    numbered = _NUMBERED.match(heading)
    if numbered:
        return f"{numbered[1].lower()}-{_arabic(numbered[2])}"
    word = re.match(r"\w+", heading)
    return word[0].lower() if word else "scene"


def _arabic(roman: str) -> int:
    values = [_ROMAN[letter] for letter in roman]
    following = [*values[1:], 0]
    return sum(-a if a < b else a for a, b in zip(values, following, strict=True))
