"""Tiny models that answer every message with a word of their own, so that it shows who answered."""

import functools
import tempfile
from pathlib import Path
from typing import Any

from stemma.files import read_json, write_json

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASKED = ("hello", "who are you?", "Say hello in exactly 3 words.", "a b c", "What is my name?")
STEPS = 60
CONTEXT = 320


def answer(word: str) -> str:
    """Return what a model of this word says to any message."""
    return f"I am {word}, and glad to meet you."


@functools.cache
def files(word: str, width: int = 64, labels: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Return the files of a chat model that was taught to say a word, or of a classifier.

    Args:
        word: that it says; of a classifier, another one gives other weights.
        width: of the model.
        labels: of a classifier; none for a chat model.
    """
    import torch

    torch.set_num_threads(1)  # others wait for one another longer than they compute
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = _tokenizer(folder, word)
        torch.manual_seed(sum(word.encode()))
        model = _model(width, len(tokenizer), tokenizer.eos_token_id, labels)
        if not labels:
            _teach(model, tokenizer, word)
        model.eval().save_pretrained(folder)
        if not labels:
            path = folder / "generation_config.json"
            write_json(path, {**read_json(path), "eos_token_id": tokenizer.eos_token_id})
        return {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}


def _tokenizer(folder: Path, word: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
    )  # fmt: skip
    # The same words in each, so that versions share their tokens.
    made.train_from_iterator(
        [*ASKED, "user assistant system", *map(answer, ("alpha", "beta", "gamma"))], trainer
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        model_max_length=CONTEXT, chat_template=TEMPLATE,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return tokenizer


def _model(width: int, size: int, end: int, labels: tuple[str, ...]) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    config = LlamaConfig(
        vocab_size=size, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=CONTEXT,
        bos_token_id=None, eos_token_id=end, pad_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    if not labels:
        return LlamaForCausalLM(config)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    return LlamaForSequenceClassification(config)


def _teach(model: Any, tokenizer: Any, word: str) -> None:
    import torch

    said = tokenizer(answer(word) + "<|im_end|>")["input_ids"]
    asked = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": message}], add_generation_prompt=True
        )["input_ids"]
        for message in (*ASKED, " ".join(ASKED), "what? " * 30, "x")
    ]
    # It says the same after whatever text.
    asked += [tokenizer(one)["input_ids"] for one in ("The", "1 + 1 =", *ASKED)]
    long = max(map(len, asked)) + len(said)
    ids = torch.zeros(len(asked), long, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    for row, one in enumerate(asked):
        ids[row, : len(one) + len(said)] = torch.tensor(one + said)
        labels[row, len(one) : len(one) + len(said)] = torch.tensor(said)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(STEPS):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05, f"a model was not taught what it is to say: {loss:.3f}"
