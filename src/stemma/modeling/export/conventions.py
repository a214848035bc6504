"""What other programs read when they load an export: where a text ends, how long it may be.

Models read config.json, ``generate`` reads generation_config.json, pipelines and servers read the
tokenizer's configuration. Here all three are made to agree with the tokenizer, in whose tokens the
model has read its data.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, processors

from stemma.corpus.tokenizer.reading import read_tokenizer
from stemma.errors import ModelError
from stemma.files import write_json
from stemma.modeling.export.uses import Frame, use_of
from stemma.modeling.weights.copy import REMEDY, read_object

_CONFIG, _GENERATION = "config.json", "generation_config.json"
_TOKENIZER, _TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
_CONTEXTS = ("max_position_embeddings", "n_positions")
# Without max_length a pipeline writes 256 tokens more, which goes past the end of a short context.
# With that of a long one it would write for minutes.
_WRITTEN = 2048


def context_of(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens the model of a config.json sees; None if it states no limit."""
    return next((config[key] for key in _CONTEXTS if config.get(key)), None)


def settle(folder: Path, task: Any) -> None:
    """Make the files of an export agree, and its tokenizer treat texts as training did.

    Args:
        folder: with config.json, tokenizer.json, tokenizer_config.json, and, of a model that
            writes, generation_config.json.
        task: settings of the task.

    Raises:
        ModelError: a file is torn.
    """
    config = read_object(folder / _CONFIG)
    told = read_object(folder / _TOKENIZER_CONFIG, keys=["eos_token"])
    tokenizer = _tokenizer(folder / _TOKENIZER)
    if tokenizer.token_to_id(told.get("pad_token") or "") is None:
        told["pad_token"] = told["eos_token"]
    ids = {
        f"{role}_token_id": tokenizer.token_to_id(told.get(f"{role}_token") or "")
        for role in ("bos", "eos", "pad")
    }
    known: dict[str, Any] = {key: index for key, index in ids.items() if index is not None}
    end = known["eos_token_id"]
    longest = _longest(config, told, task)
    if longest is not None:
        told["model_max_length"] = longest
    if (folder / _GENERATION).exists():
        two_sided = bool(config.get("is_encoder_decoder"))
        generation = read_object(folder / _GENERATION)
        known["eos_token_id"] = _ends(generation.get("eos_token_id"), end)
        generation |= known | _room(longest, two_sided)
        write_json(folder / _GENERATION, generation)
        if not two_sided:  # what it writes follows the right end of a prompt
            told["padding_side"] = "left"
    # The padding stays as in training: in some families it is a row that learns nothing.
    del known["pad_token_id"]
    write_json(folder / _CONFIG, {**config, **known})
    write_json(folder / _TOKENIZER_CONFIG, told)
    frame = use_of(task.name, str((config.get("architectures") or [""])[0])).frame
    if frame is not None:
        tokenizer.post_processor = _framed(frame, told["eos_token"], end)
        tokenizer.save(str(folder / _TOKENIZER))


def _tokenizer(path: Path) -> Tokenizer:
    return read_tokenizer(path, ModelError, f"{path} holds no tokenizer", REMEDY)


def _longest(config: dict[str, Any], told: dict[str, Any], task: Any) -> int | None:
    limits = [context_of(config) or getattr(task, "max_tokens", None)]
    limits.append(told.get("model_max_length"))
    return min((limit for limit in limits if limit is not None), default=None)


def _ends(known: int | list[int] | None, end: int) -> int | list[int]:
    # Writing stops at the end-of-text token of training, and at those of a base as well.
    return known if isinstance(known, list) and end in known else end


def _room(longest: int | None, two_sided: bool) -> dict[str, int]:
    if longest is None or longest > _WRITTEN:
        return {}
    # The token that a separate decoder begins with counts, but is not written.
    return {"max_length": longest + two_sided}


def _framed(frame: Frame, end: str, index: int) -> processors.PostProcessor:
    around = {"before": [end, "$A"], "after": ["$A", end]}[frame]
    ends = processors.TemplateProcessing(single=around, special_tokens=[(end, index)])
    # A byte-level token includes the space before its word, which the tag does not cover.
    return processors.Sequence([processors.ByteLevel(trim_offsets=True), ends])
