"""The dialogue in a row: messages as OpenAI or ShareGPT writes them, to parts of a document.

Nothing of a message is silently left out. If a key such as a tool call or a weight of zero were
ignored, the model would learn to answer with nothing, or what it is not to learn.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from stemma.corpus.documents import Part
from stemma.errors import SourceError

# The keys of speaker and text, as OpenAI and as ShareGPT spells them.
_SPELLINGS = (("role", "content"), ("from", "value"))
_ROLES = {"human": "user", "gpt": "assistant"}
# Keys and values that change nothing, as axolotl, torchtune and others write them.
_NEUTRAL = {"weight": 1, "train": True, "loss": True, "masked": False, "eot": True}
BESIDE = (
    *("system", "tools", "functions", "chat_template_kwargs"),
    *("image", "images", "videos", "audios"),
)
"""Columns that belong to a dialogue, if a data set has them."""


@dataclasses.dataclass(frozen=True)
class Dialogue:
    """A column of messages in one row.

    Attributes:
        column: name of the column.
        where: the file and the row, for messages.
        ignored: keys that the user wants to ignore.
    """

    column: str
    where: str
    ignored: Collection[str]

    def parts(self, messages: Sequence[object]) -> tuple[Part, ...]:
        """Return the messages.

        Raises:
            SourceError: an item is no message, or has a key that is not read.
        """
        return tuple(self._part(message, number) for number, message in enumerate(messages, 1))

    def check_beside(self, row: Mapping[str, Any], read: Collection[str]) -> None:
        """Refuse a column that belongs to the dialogue and is not read.

        Args:
            row: values by column.
            read: the columns that are read.

        Raises:
            SourceError: there is one; the message names it.
        """
        beside = {key: row[key] for key in BESIDE if key in row}
        self._refuse_others(beside, read, f"{self.where} has the column")

    def _part(self, message: object, number: int) -> Part:
        fields = message if isinstance(message, Mapping) else {}
        where = f"{self.where}: message {number} of column {self.column!r}"
        who, what = next((two for two in _SPELLINGS if two[0] in fields), _SPELLINGS[0])
        self._refuse_others(fields, (who, what), f"{where} has the key")
        role, content = fields.get(who), self._text(fields.get(what), where)
        if not (isinstance(role, str) and role and isinstance(content, str)):
            raise SourceError(
                f'{where} is not {{"role": "user", "content": "..."}}, both of them strings',
                "mend the row, or set source.columns",
            )
        return Part(_ROLES.get(role, role), content)

    def _text(self, content: object, where: str) -> object:
        # Several texts in one message are joined as chat templates join them.
        if not isinstance(content, list):
            return content
        texts = []
        for number, piece in enumerate(content, 1):
            fields = piece if isinstance(piece, Mapping) else {}
            kind, text = fields.get("type", type(piece).__name__), fields.get("text")
            if kind != "text" or not isinstance(text, str):
                raise SourceError(
                    f"{where}: part {number} of its content is {kind!r}, not a text",
                    "only texts are learnt from: leave the row out",
                )
            self._refuse_others(fields, ("type", "text"), f"{where}: part {number} has the key")
            texts.append(text)
        return "".join(texts)

    def _refuse_others(
        self, fields: Mapping[str, Any], read: Collection[str], has_the_key: str
    ) -> None:
        for key, value in fields.items():
            says_nothing = value in (None, "", [], {}) or _NEUTRAL.get(key) == value
            if not (key in read or says_nothing or key in self.ignored):
                raise SourceError(
                    f"{has_the_key} {key!r}, which is not read",
                    "say it in the messages or leave the row out; a key from which there is "
                    "nothing to learn can be named in source.ignored_keys",
                )
