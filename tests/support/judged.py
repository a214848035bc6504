"""Versions for gates that ask a model something, and what a gate says of them.

The model has learnt a conversation and all but the last of some texts by heart.
"""

import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import tiny

from stemma.corpus.documents import Part
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.layout import EXPORTED, PREPARED
from stemma.registry.case import Case, Outcome
from stemma.registry.criteria import judged
from stemma.registry.models import Model
from stemma.registry.policy import NOTHING
from stemma.store.registry import Registry
from stemma.store.version import Tree

CONTROLS = ("<|im_start|>", "<|im_end|>")
TEXTS = [text for text in tiny.texts(3, 30) if len(text) > 150][:4]
TALK = (Part("user", "speak of love"), Part("assistant", "night and sorrow"))
STEPS = 130
BEFORE, AFTER = 8, 8  # tokens; the model knows the second by the first


def case_of(root: Path, **changes: Any) -> Case:
    """Return the working tree of a folder as a version that is to go to prod."""
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "-q", str(root)], check=True)
    values: dict[str, Any] = {
        "version": Tree(root),
        "model": Model("lm", EXPORTED.as_posix()),
        "registered": None,
        "stage": "prod",
        "incumbent": None,
        "settings": NOTHING,
        "registry": Registry(root),
        "root": root,
    }
    return Case(**values | changes)


def said(root: Path, gate: str, **settings: Any) -> Outcome:
    """Return what a gate says of the working tree of a folder."""
    (outcome,) = judged(case_of(root), {gate: settings})
    return outcome


def data(root: Path, texts: list[str]) -> Path:
    """Write data/prepared; return the folder of its tokenizer."""
    splits = {"train": texts, "test": tiny.texts(1, 4)}
    tiny.make_data(root / PREPARED, splits, special_tokens=CONTROLS)
    return root / PREPARED / "tokenizer"


def export(root: Path, model: Any, tokenizer: Path) -> None:
    """Write models/exported."""
    shutil.copytree(tokenizer, root / EXPORTED)
    model.save_pretrained(root / EXPORTED)


def learn(root: Path) -> None:
    """Write data, and a Llama that has learnt all but the last text by heart."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from stemma.corpus.packing import read_split
    from stemma.tasks.chat.encoding import ChatTemplate

    encoder = Encoder(data(root, TEXTS))
    split = read_split(root / PREPARED, "train")
    size = BEFORE + AFTER
    rows = [
        split.tokens[place : place + size].astype(int).tolist()
        for start, end in itertools.pairwise(split.offsets[:-1].tolist())
        for place in range(start, end - size + 1)
    ]
    talk = ChatTemplate(encoder).encode(TALK)[0].tolist()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=tiny.CONTEXT, tie_word_embeddings=True,
        bos_token_id=encoder.end_of_text, eos_token_id=encoder.end_of_text,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    begins = [
        [encoder.end_of_text, *split.tokens[start : start + size].tolist()]
        for start in split.offsets[:-2]
    ]
    batches = [torch.tensor(rows), torch.tensor(begins), torch.tensor([talk[: tiny.CONTEXT]])]
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0)
    for _ in range(STEPS):
        loss = sum(model(input_ids=ids, labels=ids).loss for ids in batches)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    export(root, model, encoder.folder)


def untrained(root: Path, kind: str, **changes: Any) -> Any:
    """Write data, and a tiny BERT or T5 that has learnt nothing; return it."""
    import torch
    import transformers

    encoder = Encoder(data(root, TEXTS))
    shape: dict[str, Any] = {"vocab_size": 300, "pad_token_id": 0}
    if kind.startswith("T5"):
        shape |= {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2,
                  "decoder_start_token_id": 0, "eos_token_id": encoder.end_of_text,
                  "dropout_rate": 0}  # fmt: skip
        config: Any = transformers.T5Config(**shape | changes)
    else:
        shape |= {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
                  "num_attention_heads": 2, "max_position_embeddings": tiny.CONTEXT}  # fmt: skip
        config = transformers.BertConfig(**shape | changes)
    torch.manual_seed(0)
    model = getattr(transformers, kind)(config)
    export(root, model, encoder.folder)
    return model
