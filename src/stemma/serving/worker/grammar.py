"""Keeps answers to a JSON schema, by llguidance."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import torch

from stemma.errors import SettingsError

# A model that is unsure writes white space without end where any is allowed.
_LAYOUT: Any = {"whitespace_pattern": "\\n {0,12}| ?"}


class Grammars:
    """Makes grammars for the tokens of a model.

    Args:
        folder: of its tokenizer.
        vocabulary: how many tokens the model gives scores for.
        ends: the ids that end an answer.
    """

    def __init__(self, folder: Path, vocabulary: int, ends: frozenset[int]) -> None:
        self._folder, self._vocabulary, self._ends = folder, vocabulary, ends

    def of(self, schema: dict[str, Any]) -> Grammar:
        """Return a grammar of texts that a JSON schema describes.

        Raises:
            SettingsError: it is no schema, or uses what llguidance does not know.
        """
        import llguidance

        try:
            told = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), _LAYOUT)
            matcher = llguidance.LLMatcher(self._tokenizer, told)
        except ValueError as error:
            raise _not_followed(str(error)) from error
        found = Grammar(matcher, self._vocabulary)
        found.check()
        return found

    @functools.cached_property
    def _tokenizer(self) -> Any:
        import llguidance.hf
        from transformers import PreTrainedTokenizerFast

        own = PreTrainedTokenizerFast.from_pretrained(self._folder)
        return llguidance.hf.from_tokenizer(own, self._vocabulary, min(self._ends))


class Grammar:
    """What may come next in one answer."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher, self._vocabulary = matcher, vocabulary

    def allow(self, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores with minus infinity for each token that may not come next."""
        import llguidance.torch

        mask = llguidance.torch.allocate_token_bitmask(1, self._vocabulary)
        llguidance.torch.fill_next_token_bitmask(self._matcher, mask, 0)
        llguidance.torch.apply_token_bitmask_inplace(scores[None], mask)
        return scores

    def take(self, token: int) -> None:
        """Go on by a token.

        Raises:
            SettingsError: the schema turns out to be more than llguidance can follow.
        """
        self._matcher.consume_token(token)
        self.check()

    def check(self) -> None:
        """Refuse to go on where llguidance cannot: it would allow nothing but an end.

        Raises:
            SettingsError: it is so.
        """
        if self._matcher.is_error():
            raise _not_followed(self._matcher.get_error())

    @property
    def over(self) -> bool:
        """Whether nothing but an end may come next."""
        return self._matcher.is_stopped()


def _not_followed(why: str) -> SettingsError:
    # Behind the first mark llguidance tells of its own state.
    told = " ".join(why.partition("<state>")[0].split())
    return SettingsError(f"the schema cannot be followed: {told}")
