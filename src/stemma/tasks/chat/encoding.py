"""Conversations as tokens, laid out by the chat template that the tokenizer brings along.

The tokens are those of transformers' ``apply_chat_template``, which reads the template and encodes
the result. What is added here is which of the tokens an assistant writes.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jinja2 import TemplateSyntaxError
from numpy.typing import NDArray

from stemma.corpus import task
from stemma.corpus.documents import Part
from stemma.corpus.lengths import TOO_LONG
from stemma.corpus.task import IGNORED, Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.tasks.chat import Settings
from stemma.tasks.chat.conversation import check

_BRING = (
    "bring a chat model's tokenizer, or "
    '-S \'tokenizer.special_tokens=["<|im_start|>","<|im_end|>"]\''
)
# A template must not read the date, which would change the bytes: it finds no such function, and
# uses its own fallback. On a line of its own, this statement leaves the template's layout alone.
_DATELESS = "{% set strftime_now = the_date_of_today %}\n"
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
# With these, transformers encloses control tokens that are spelled out in a message.
_OPEN, _CLOSE = "\U000f0000", "\U000f0001"
_STANDS_FOR = [chr(code) for code in range(0xE000, 0xF900)]  # of private use
_Span = tuple[int, int]


class ChatTemplate:
    """Lays a conversation out as tokens.

    A control token that is spelled out in a message is encoded as plain characters: only the
    template writes control tokens, so no message can end itself or speak for another role.
    (In transformers, that is ``sanitize_control_tokens=True`` for special tokens.)

    Args:
        encoder: its folder has a chat template, as transformers saves it.

    Raises:
        DataError: there is no template, or transformers cannot read it.
    """

    def __init__(self, encoder: Encoder) -> None:
        from transformers import PreTrainedTokenizerFast

        self._name = encoder.name
        try:
            self._tokenizer: Any = PreTrainedTokenizerFast.from_pretrained(encoder.folder)
            template = self._tokenizer.chat_template and self._tokenizer.get_chat_template()
        except MemoryError:
            raise
        # What transformers raises about a wrong file is of no one kind.
        except Exception as error:
            raise DataError(
                f"the tokenizer of {self._name} cannot be read by transformers: {error!r}",
                "save it with save_pretrained()",
            ) from error
        if not isinstance(template, str):
            raise DataError(f"{self._name} has no chat_template", _BRING)
        self._template = _DATELESS + template
        self._tells_answers = bool(_GENERATION.search(template))
        added = self._tokenizer.added_tokens_decoder.items()
        self._special = [index for index, token in added if token.special]
        spelled = [token.content for _, token in added if token.special]
        controls = "|".join(map(re.escape, sorted(spelled, key=len, reverse=True)))
        self._controls = re.compile(controls or "(?!)")
        self._marks = re.compile(f"{_OPEN}({self._controls.pattern}){_CLOSE}|[{_OPEN}{_CLOSE}]")

    def encode(self, messages: Sequence[Part]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return the tokens of a whole conversation.

        Returns:
            The ids, and labels: the ids of what an assistant writes and of the token that ends it,
            IGNORED elsewhere; both of shape (tokens,).

        Raises:
            DataError: the template refuses the conversation, or does not show or end an answer.
        """
        fields = self._fields(messages)
        text, spans = self._fill(fields)
        if not self._tells_answers:
            answers = [index for index, part in enumerate(messages) if part.role == "assistant"]
            spans = [self._find(fields, index, text) for index in answers]
        elif not spans:
            raise DataError(
                f"the chat template of {self._name} marks no answer with {{% generation %}}",
                "mark what an assistant writes, or use another template",
            )
        ids, places = self._tokens(text)
        labels = np.full(len(ids), IGNORED, np.int32)
        special = np.isin(ids, self._special)
        firsts = [int(np.searchsorted(places[:, 1], start, "right")) for start, _ in spans]
        for first, (_, stop), limit in zip(firsts, spans, [*firsts[1:], len(ids)], strict=True):
            end = int(np.searchsorted(places[:, 0], stop, "left"))
            if not (self._tells_answers and special[first:end].any()):
                end = self._end(special, end, limit)
            labels[first:end] = ids[first:end]
        return ids, labels

    def prompt(self, messages: Sequence[Part]) -> NDArray[np.int64]:
        """Return the ids after which the answer to a conversation begins."""
        text, _ = self._fill(self._fields(messages), prompt=True)
        return self._tokens(text)[0]

    def end(self) -> int:
        """Return the id that ends an answer."""
        ids, labels = self.encode([Part("user", "?"), Part("assistant", "!")])
        learned = ids[labels != IGNORED]
        return int(learned[np.isin(learned, self._special)][-1])

    def _fields(self, messages: Sequence[Part]) -> list[dict[str, str]]:
        from transformers.utils.chat_template_utils import mark_control_tokens

        return [
            {"role": part.role, "content": mark_control_tokens(part.text, self._controls)}
            for part in messages
        ]

    def _fill(self, fields: list[dict[str, str]], prompt: bool = False) -> tuple[str, list[_Span]]:
        """Return the messages laid out as a text, and where in it the template marks answers."""
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            filled: Any = render_jinja_template(
                [fields],
                chat_template=self._template,
                add_generation_prompt=prompt,
                return_assistant_tokens_mask=self._tells_answers,
                **self._tokenizer.special_tokens_map,
            )
        except TemplateSyntaxError as error:
            raise DataError(
                f"the chat template of {self._name} is no Jinja: {error}", _BRING
            ) from error
        except MemoryError:
            raise
        except Exception as error:  # a template can raise whatever Python's operators do
            raise DataError(
                f"the chat template of {self._name} refuses a conversation: {error}",
                "change the order of its roles, or use another template",
            ) from error
        (text,), told = filled
        return text, told[0] if told else []

    def _find(self, fields: list[dict[str, str]], index: int, text: str) -> _Span:
        """Return where in the text an answer begins and ends.

        To find it, another conversation is laid out, in which one character replaces the answer:
        what follows that character follows the answer, and what precedes it must be what a model
        is given to answer.
        """
        other = next(character for character in _STANDS_FOR if character not in text)
        changed = [*fields]
        changed[index] = {**fields[index], "content": other}
        before, *after = self._fill(changed)[0].split(other)
        start = self._start(fields[:index], before)
        end = len(text) - len(after[0]) if after else 0
        fits = text.startswith(before[:start]) and text.endswith(after[0]) if after else False
        if len(after) != 1 or not fits or start > end:
            raise DataError(
                f"the chat template of {self._name} does not show message {index + 1}, an answer, "
                "once and apart from the others",
                "mark answers in it with {% generation %}, or use another template",
            )
        return start, end

    def _start(self, earlier: list[dict[str, str]], before: str) -> int:
        """Return where an answer begins, at or before its first words."""
        try:
            given, _ = self._fill(earlier, prompt=True)
        except DataError:  # nothing is asked with these messages, such as with none
            return len(before)
        shared = min(len(given), len(before))
        return shared if given[:shared] == before[:shared] else len(before)

    def _end(self, special: NDArray[np.bool_], end: int, limit: int) -> int:
        """Return the place after the control token that ends an answer."""
        (found,) = np.nonzero(special[end:limit])
        if not len(found):
            raise DataError(
                f"the chat template of {self._name} puts no control token after an answer",
                "a model could not learn where to stop; use another template",
            )
        return end + int(found[0]) + 1

    def _tokens(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids, and the start and end of each in the text, shape (tokens, 2)."""
        ids: list[int] = []
        places: list[_Span] = []
        for start, piece, spelled in self._pieces(text):
            made, reach = self._encode(piece, spelled, inside=start > 0)
            ids += made
            places += [(low + start, high + start) for low, high in reach]
        return np.array(ids, np.int64), np.array(places, np.int64).reshape(-1, 2)

    def _pieces(self, text: str) -> Iterator[tuple[int, str, bool]]:
        """Yield the start of each piece, the piece, and whether it spells out a control token.

        A template that takes messages apart leaves single marks; the text is cut there too.
        """
        start = 0
        for mark in self._marks.finditer(text):
            yield start, text[start : mark.start()], False
            if mark[1]:
                yield mark.start(1), mark[1], True
            start = mark.end()
        yield start, text[start:], False

    def _encode(self, piece: str, spelled: bool, inside: bool) -> tuple[list[int], list[_Span]]:
        """Return the ids of a piece, and where in it each starts and ends."""

        def encode(text: str) -> Any:
            return self._tokenizer(
                text,
                add_special_tokens=False,
                split_special_tokens=spelled,
                return_offsets_mapping=True,
                verbose=False,
            )

        made = encode(piece)
        if spelled and self._tokenizer.convert_tokens_to_ids(piece) in made["input_ids"]:
            raise DataError(
                f"the tokenizer of {self._name} makes a control token of {piece!r} in a message",
                "leave the conversation out: it could end itself, or speak for another role",
            )
        if not inside or not piece:
            return made["input_ids"], made["offset_mapping"]
        # Some tokenizers put a space before a text, but not after a line end.
        line, led = encode("\n")["input_ids"], encode(f"\n{piece}")
        if led["input_ids"][: len(line)] != line:
            return made["input_ids"], made["offset_mapping"]
        reach = [(low - 1, high - 1) for low, high in led["offset_mapping"]]
        return led["input_ids"][len(line) :], reach[len(line) :]


@dataclasses.dataclass(frozen=True)
class Encoding(task.Encoding):
    """Encodes conversations; the label of a token that is learned is its own id."""

    settings: Settings

    def encode(
        self, examples: Sequence[Example], encoder: Encoder, names: Sequence[str]
    ) -> list[Encoded | str]:
        """Return each conversation, or why it is dropped.

        Raises:
            DataError: a conversation has no answer, an unknown role, or does not fit the template.
        """
        template = _template_of(encoder)
        return [self._encode(example, template) for example in examples]

    def encode_preference(self, example: Example, encoder: Encoder) -> list[Encoded] | str:
        """Return the conversation with each answer, or why it is dropped.

        Raises:
            DataError: as ``encode``.
        """
        from stemma.tasks.chat.preferences import conversations, only_last

        made = self.encode(conversations(example), encoder, ())
        kept = [only_last(one) for one in made if isinstance(one, Encoded)]
        # A pair of which an answer was lost is none.
        whole = len(kept) == len(made) and not any(one.truncated for one in kept)
        return kept if whole else TOO_LONG

    def _encode(self, example: Example, template: ChatTemplate) -> Encoded | str:
        check(example)
        try:
            made = Encoded(*template.encode(example.parts))
        except DataError as error:
            raise DataError(f"document '{example.id}': {error.message}", error.hint) from error
        found = self.settings.fit(example, made)
        # A conversation that was cut may have lost all of its answers.
        if isinstance(found, Encoded) and (found.labels == IGNORED).all():
            return TOO_LONG
        return found


@functools.lru_cache(1)
def _template_of(encoder: Encoder) -> ChatTemplate:
    return ChatTemplate(encoder)  # reading a vocabulary takes longer than a batch of documents
