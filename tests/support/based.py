"""A tiny Llama with a tokenizer and a chat template: the base of nearly all tests that need one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stemma.corpus.tokenizer.make import make_tokenizer
from stemma.corpus.tokenizer.settings import BpeTokenizer
from stemma.files import read_json, write_json

CONTEXT = 64
LAYERS = 3
VOCABULARY = 300
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<|endoftext|>\n{% endfor %}"
# The settings of conftest's tiny version, for a base below data/input.
EXPERIMENT = """\
# @package _global_
defaults:
  - override /source: files
  - override /model: path
  - override /tokenizer: base
  - override /train: {method}
experiment: tiny
source: {{patterns: ["*.jsonl"], columns: {{id: name}}}}
prepare: {{split: {{validation: 0.2, test: 0.2}}}}
train:
  steps: 8
  batch_size: 4
  micro_batch_size: 2
  sequence_length: 32
  log_every: 2
  evaluate_every: 4
  checkpoint_every: 4
  validation_blocks: 4
evaluate: {{sample_tokens: 8}}
export: {{dtype: bfloat16}}
"""


def make_llama(folder: Path, texts: Iterable[str], **changes: Any) -> None:
    """Write a base of random bf16 weights, as ``save_pretrained`` does."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        **{
            "vocab_size": VOCABULARY,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 2,
            "max_position_embeddings": CONTEXT,
            "tie_word_embeddings": True,
            "bos_token_id": 0,
            "eos_token_id": 0,
            **changes,
        }
    )
    model: Any = LlamaForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder)
    bpe = BpeTokenizer(
        name="bpe",
        kind="bpe",
        vocab_size=VOCABULARY,
        min_frequency=1,
        pattern="gpt2",
        special_tokens=(),
        sample_bytes=10**6,
    )
    make_tokenizer(bpe, texts, folder)
    path = folder / "tokenizer_config.json"
    write_json(path, {**read_json(path), "model_max_length": 10**30, "is_local": True})
    (folder / "chat_template.jinja").write_text(TEMPLATE)
