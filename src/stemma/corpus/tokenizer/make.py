"""Make the tokenizer of a corpus: train it, or take one that exists.

Either way the folder then holds tokenizer.json and tokenizer_config.json as ``save_pretrained``
lays them out, so that a plain ``AutoTokenizer.from_pretrained(folder)`` gives the same ids.
"""

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from stemma.corpus.tokenizer.encoder import Encoder
from stemma.corpus.tokenizer.pretrained import END_OF_TEXT, load_pretrained
from stemma.corpus.tokenizer.settings import (
    BaseTokenizer,
    BpeTokenizer,
    PretrainedTokenizer,
    TokenizerSettings,
)
from stemma.errors import DataError
from stemma.files import write_json

__all__ = ["Encoder", "make_tokenizer"]

_ROLES = ("bos_token", "eos_token", "unk_token")
_ROLE_OF = {"<|mask|>": "mask_token", "<|pad|>": "pad_token"}
# As OpenAI's ChatML and most models of Hugging Face lay a conversation out.
_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_BYTES = 256
_LONG_RUN = re.compile(r"\S{256}|\s{256}")
# How GPT-4 (cl100k) and Llama 3 cut text.
_GPT4_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_tokenizer(
    settings: TokenizerSettings, texts: Iterable[str], folder: Path, pads: bool = False
) -> None:
    """Train or load a tokenizer and save it into ``folder``.

    Args:
        settings: the ``tokenizer`` section.
        texts: to learn from, read once; not read for a pretrained tokenizer.
        folder: created if need be.
        pads: whether a padding token is needed, which is end-of-text if it has none of its own.

    Raises:
        DataError: the text does not support the vocabulary, the vocabulary does not hold the bytes,
            or the pretrained tokenizer cannot be read or has no end-of-text token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(settings, PretrainedTokenizer | BaseTokenizer):
        tokenizer, config = load_pretrained(settings)
    else:
        tokenizer, config = _train(settings, texts), _config(settings.special_tokens)
    if pads and not config.get("pad_token"):
        config["pad_token"] = config["eos_token"]
    _save(tokenizer, config, folder)


def _config(special_tokens: Sequence[str]) -> dict[str, Any]:
    config: dict[str, Any] = dict.fromkeys(_ROLES, END_OF_TEXT)
    config |= {role: token for token, role in _ROLE_OF.items() if token in special_tokens}
    if {"<|im_start|>", "<|im_end|>"} <= set(special_tokens):
        # A model stops writing at the end of a message, as those of Hugging Face do.
        config |= {"chat_template": _CHATML, "eos_token": "<|im_end|>"}
    return config


def _train(settings: BpeTokenizer, texts: Iterable[str]) -> Tokenizer:
    special = list(dict.fromkeys((END_OF_TEXT, *settings.special_tokens)))
    if settings.vocab_size < _BYTES + len(special):
        raise DataError(
            f"tokenizer.vocab_size is {settings.vocab_size}, but {_BYTES} bytes and "
            f"{len(special)} special tokens need {_BYTES + len(special)}",
            f"use -S tokenizer.vocab_size={_BYTES + len(special)} or more",
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer(settings.pattern)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(texts, settings.sample_bytes), trainer)
    supported = tokenizer.get_vocab_size()
    if supported < settings.vocab_size:
        raise DataError(
            f"tokenizer.vocab_size is {settings.vocab_size}, but the text supports only "
            f"{supported} entries that occur {settings.min_frequency} times or more",
            f"use -S tokenizer.vocab_size={supported}",
        )
    return tokenizer


def _pre_tokenizer(pattern: str) -> pre_tokenizers.PreTokenizer:
    if pattern == "gpt2":
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = pre_tokenizers.Split(Regex(_GPT4_PATTERN), "isolated")
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([split, whole])


def _sample(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Yield the texts with the smallest hashes, up to about ``limit`` UTF-8 bytes.

    This is a bottom-k sample: uniform over the texts, and independent of their order.
    """
    heap: list[tuple[int, str, int]] = []
    total = 0
    for text in texts:
        encoded = text.encode()
        key = int.from_bytes(hashlib.blake2b(encoded, digest_size=16).digest())
        heapq.heappush(heap, (-key, text, len(encoded)))
        total += len(encoded)
        while total > limit and len(heap) > 1:
            total -= heapq.heappop(heap)[2]
    return (piece for _, text, _ in heap for piece in _cut_runs(text))


def _cut_runs(text: str) -> Iterator[str]:
    """Yield the text in pieces, cutting runs without a gap that are too long to learn from.

    Each merge takes the trainer time in proportion to the words that it touches: one encoded blob
    of a megabyte would cost it minutes.
    """
    start = 0
    for run in _LONG_RUN.finditer(text):
        yield text[start : run.end()]
        start = run.end()
    yield text[start:]


def _save(tokenizer: Tokenizer, config: dict[str, Any], folder: Path) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    # The one class that takes tokenizer.json as it is, in every version of transformers.
    common = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", config | common)
