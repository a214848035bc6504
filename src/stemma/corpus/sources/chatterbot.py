"""Questions and answers in a wheel on PyPI, as dialogues of a user and an assistant.

The package has a YAML file per topic: ``conversations``, each a list of turns. In one topic the
first turn is followed by several answers to it; each of them makes a dialogue of its own.
"""

import functools
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml

from stemma.corpus.documents import Document, Part
from stemma.corpus.sources import origin, pypi
from stemma.corpus.sources.settings import ChatterbotSettings

_ROLES = ("user", "assistant")
_ALTERNATIVES = "emotion"


def parts(settings: ChatterbotSettings) -> Iterator[origin.Origin]:
    """Yield one origin: every dialogue, its first question as the group.

    So all answers to one question fall on one side of a split by groups.

    Raises:
        SourceError: as `pypi.parts`.
    """
    return pypi.parts(settings, functools.partial(_documents, settings=settings))


def _documents(archive: zipfile.ZipFile, settings: ChatterbotSettings) -> Iterator[Document]:
    folder = f"chatterbot_corpus/data/{settings.language}"
    for name in sorted(archive.namelist()):
        path = PurePosixPath(name)
        if path.suffix != ".yml" or str(path.parent) != folder:
            continue
        raw = yaml.safe_load(archive.read(name))["conversations"]
        for number, turns in enumerate(_dialogues(raw, path.stem == _ALTERNATIVES), 1):
            yield Document(
                id=f"{path.stem}/{number}",
                text="\n\n".join(turns),
                source=settings.package,
                license=settings.license,
                group=turns[0].lower(),
                parts=tuple(Part(_ROLES[index % 2], turn) for index, turn in enumerate(turns)),
            )


def _dialogues(conversations: Sequence[Any], alternatives: bool) -> Iterator[list[str]]:
    for conversation in conversations:
        # A slip in the package: "question? - 'answer'" on one line.
        is_list = isinstance(conversation, list)
        turns = conversation if is_list else conversation.replace("'", "").split(" - ")
        first, *others = (str(turn).strip() for turn in turns)
        if alternatives:
            yield from ([first, other] for other in others)
        else:
            # The last word is the assistant's.
            whole = [first, *others]
            yield whole[: len(whole) // 2 * 2]
