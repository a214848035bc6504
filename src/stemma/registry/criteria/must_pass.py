"""Every example on a fixed list is answered as it says.

The list is a file of JSON lines in the project::

    {"prompt": "To be, or not", "expect": "to be"}
    {"messages": [{"role": "user", "content": "Who are you?"}], "expect": "(?i)assistant"}
    {"text": "Enter a ghost.", "label": "tragedies"}

``expect`` is a regular expression that is looked for in what the model adds to a prompt, or
answers. It always takes the likeliest token. Texts are put to it as in training, after or before an
end-of-text token.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stemma.config import Positive, settings
from stemma.errors import ModelError, SettingsError
from stemma.files import sha256_of
from stemma.registry.case import Case, Outcome
from stemma.registry.exported import Does, Exported, architecture, check_fits, does, loaded

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "must_pass"
# What a line asks, by what a model must be able to do.
_ASKS: dict[Does, tuple[str, ...]] = {
    "continues": ("prompt", "messages"),
    "rewrites": ("prompt",),
    "classifies": ("text",),
    "other": (),
}
_ANSWER = {"prompt": "expect", "messages": "expect", "text": "label"}
_SHOWN = 60  # characters


@settings
class Settings:
    """Of the gate."""

    file: str
    """With the examples, from the project's folder on."""
    tokens: Positive
    """Most tokens that the model may add to a prompt."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether every example passes."""
    from tqdm import tqdm

    examples = _read(case.root / settings.file, settings.file)
    kind = architecture(case)
    asked = _ASKS[does(kind)]
    for number, (ask, _) in examples.items():
        if ask not in asked:
            takes = " or ".join(f"'{one}'" for one in asked) or "no such list"
            raise ModelError(
                f"{settings.file} line {number} has '{ask}', and {kind} takes {takes}",
                "name another file for this kind of model",
            )
    failed: dict[int, str] = {}
    with loaded(case) as model:
        bar = tqdm(examples.items(), NAME, unit="", disable=None, delay=2, leave=False)
        for number, (ask, row) in bar:
            ids, end = _put(model, does(kind), ask, row)
            written = settings.tokens - 1 if does(kind) == "continues" else 0
            where = f"{settings.file} line {number}"
            check_fits(case, len(ids) + written, f"{where}, with what may be added to it,")
            said = _answer(model, does(kind), ids, end, settings.tokens)
            if not _is_right(said, ask, row):
                failed[number] = said
    good = len(examples) - len(failed)
    told = f"{good} of {len(examples)} examples of {settings.file} pass"
    if failed:
        number = min(failed)
        ask, row = examples[number]
        told += (
            f"; line {number}, {_short(row[ask])}, is answered {_short(failed[number])}, and "
            f"{_short(row[_ANSWER[ask]])} is asked"
        )
    facts = {
        "examples": len(examples), "passed": good, "failed": sorted(failed),
        "sha256": sha256_of(case.root / settings.file),
    }  # fmt: skip
    return Outcome(NAME, not failed, told, facts)


def _put(
    model: Exported, what: Does, ask: str, row: dict[str, Any]
) -> tuple[NDArray[np.int64], int]:
    """Return the ids by which an example is put to a model, and the id that ends an answer."""
    from stemma.corpus.documents import Part

    if ask == "messages":
        parts = [Part(one["role"], one["content"]) for one in row[ask]]
        return model.template.prompt(parts), model.template.end()
    (ids,), end = model.encoder.encode_batch([row[ask]]), model.encoder.end_of_text
    # As in training, a source ends with an end-of-text token, and other texts follow one.
    return np.insert(ids.astype(np.int64), len(ids) if what == "rewrites" else 0, end), end


def _answer(model: Exported, what: Does, ids: NDArray[np.int64], end: int, tokens: int) -> str:
    """Return what a model says to an example."""
    import torch

    from stemma.modeling.evaluation.samples import continue_greedily

    if what == "continues":
        return model.restorer.spell(continue_greedily(model.model, ids, tokens, end))
    inputs = torch.from_numpy(ids)[None].to(model.device)
    told = {"input_ids": inputs, "attention_mask": torch.ones_like(inputs)}
    with torch.inference_mode():
        if what == "classifies":
            return model.model.config.id2label[int(model.model(**told).logits[0].argmax())]
        written = model.model.generate(**told, max_new_tokens=tokens, do_sample=False, num_beams=1)
    return model.restorer.spell(written[0].tolist())


def _is_right(said: str, ask: str, row: dict[str, Any]) -> bool:
    if ask == "text":
        return said == row["label"]
    return re.search(row["expect"], said) is not None


def _short(value: Any) -> str:
    text = value[-1]["content"] if isinstance(value, list) else value
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")


def _read(path: Path, name: str) -> dict[int, tuple[str, dict[str, Any]]]:
    """Return what each line asks, and the line, by its number.

    Raises:
        SettingsError: there is no such file, it is empty, or a line is no example.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{NAME}.file: {name} cannot be read: {getattr(error, 'strerror', None) or error}",
            "it is a file of JSON lines, named from the project's folder on",
        ) from error
    found = {
        number: _line(line, name, number) for number, line in enumerate(lines, 1) if line.strip()
    }
    if not found:
        raise SettingsError(f"{NAME}.file: {name} holds no example", "write one on a line")
    return found


def _line(line: str, name: str, number: int) -> tuple[str, dict[str, Any]]:
    why = "it is no JSON object"
    try:
        row = json.loads(line)
        ask = next((one for one in _ANSWER if isinstance(row, dict) and one in row), None)
        if ask is not None:
            why = f"it must have '{ask}' and '{_ANSWER[ask]}', both texts, and nothing else"
            if row.keys() == {ask, _ANSWER[ask]} and _are_texts(row, ask):
                re.compile(row.get("expect", ""))
                return ask, row
        elif isinstance(row, dict):
            why = "it has none of 'prompt', 'messages' and 'text'"
    except re.error as error:
        why = f"'expect' is no regular expression: {error}"
    except ValueError:
        pass
    raise SettingsError(f"{NAME}.file: {name} line {number}: {why}", "see docs/gates.md")


def _are_texts(row: dict[str, Any], ask: str) -> bool:
    if not isinstance(row[_ANSWER[ask]], str):
        return False
    if ask != "messages":
        return isinstance(row[ask], str)
    return (
        isinstance(row[ask], list)
        and bool(row[ask])
        and all(
            isinstance(one, dict)
            and one.keys() == {"role", "content"}
            and all(isinstance(value, str) for value in one.values())
            for one in row[ask]
        )
    )
