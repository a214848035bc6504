"""Llama: decoders with rotary positions, RMS norms, gated feed-forward and grouped queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.family import check_multiple, from_config

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings:
    """The shape of a Llama."""

    name: str
    family: Literal["llama"]
    base: None
    layers: Positive
    heads: Positive
    kv_heads: Positive
    """Heads of keys and values; each serves as many query heads."""
    width: Positive
    feed_forward: Positive
    context: Annotated[int, Field(ge=2)]
    rope_base: Annotated[float, Field(gt=1)]
    """Of the wave lengths of the rotary positions."""

    def __post_init__(self) -> None:
        # A rotation turns the numbers of a head in pairs.
        check_multiple(self, "width", "heads", times=2)
        check_multiple(self, "heads", "kv_heads")

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model with random weights, drawn from torch's default generator.

        Args:
            auto: transformers' Auto class of the task.
            tokens: the vocabulary.
            head: what the task adds to the configuration.

        Raises:
            ModelError: there is no such model for this task.
        """
        from transformers import LlamaConfig

        config = LlamaConfig(
            vocab_size=tokens.size,
            max_position_embeddings=self.context,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_base},
            bos_token_id=tokens.end_of_text,
            eos_token_id=tokens.end_of_text,
            pad_token_id=tokens.padding,
            tie_word_embeddings=True,
            **head,
        )
        model = from_config(auto, config)
        self._initialize(model)
        return model

    def _initialize(self, model: Any) -> None:
        import torch

        # As in GPT-2: every block starts as the identity, which lets large learning rates work.
        for name, weight in model.named_parameters():
            if ".layers." not in name or weight.ndim < 2:
                continue
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                torch.nn.init.zeros_(weight)
            else:
                torch.nn.init.normal_(weight, std=0.5 * self.width**-0.5)
