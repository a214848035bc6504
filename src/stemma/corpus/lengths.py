"""How many tokens an example may have, and what happens to documents that have more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stemma.config import settings
from stemma.errors import DataError

if TYPE_CHECKING:
    from stemma.corpus.task import Encoded, Example

TOO_LONG = "task.max_tokens"
"""The reason for dropping a document that has more."""


@settings
class Lengths:
    """How long an example may be."""

    max_tokens: Annotated[int, Field(ge=2)]
    """Most tokens of an example, the end-of-text token that frames it included."""
    too_long: Literal["drop", "truncate", "refuse"]
    """What happens to a document that has more."""

    def fit(self, example: Example, encoded: Encoded) -> Encoded | str:
        """Return the tokens of a document, all or the first of them, or why it is dropped.

        Raises:
            DataError: the document is too long, and such documents are to be refused.
        """
        most = self.max_tokens
        if len(encoded.ids) <= most:
            return encoded
        if self.too_long == "drop":
            return TOO_LONG
        if self.too_long == "refuse":
            raise DataError(
                f"document '{example.id}' has {len(encoded.ids)} tokens, task.max_tokens is {most}",
                "raise it, or use -S task.too_long=truncate or drop",
            )
        labels = None if encoded.labels is None else encoded.labels[:most]
        return dataclasses.replace(encoded, ids=encoded.ids[:most], labels=labels, truncated=True)
