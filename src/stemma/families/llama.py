"""Llama: decoders with rotary positions, RMS norms, gated feed-forward and grouped queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.untrained import Shape, control_tokens

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings(Shape):
    """The shape of a Llama (Touvron et al. 2023)."""

    family: Literal["llama"]
    kv_heads: Positive
    """Heads of keys and values; each serves the same number of query heads."""
    feed_forward: Positive
    context: Annotated[int, Field(ge=2)]
    rope_base: Annotated[float, Field(gt=1)]
    """Base of the wavelengths of the rotary positions."""

    def __post_init__(self) -> None:
        # A rotation turns the numbers of a head in pairs.
        self.check_multiple("width", "heads", times=2)
        self.check_multiple("heads", "kv_heads")

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration."""
        from transformers import LlamaConfig

        return LlamaConfig(
            vocab_size=tokens.size,
            max_position_embeddings=self.context,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            rope_parameters={"rope_type": "default", "rope_theta": self.rope_base},
            tie_word_embeddings=True,
            **control_tokens(tokens),
            **head,
        )

    def initialize(self, model: Any) -> None:
        """Start every block as the identity, as in GPT-2, so that large learning rates work."""
        import torch

        for name, weight in model.named_parameters():
            if ".layers." not in name or weight.ndim < 2:
                continue
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                torch.nn.init.zeros_(weight)
            else:
                torch.nn.init.normal_(weight, std=0.5 * self.width**-0.5)
