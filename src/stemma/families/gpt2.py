"""GPT-2: decoders with learned positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import settings
from stemma.modeling.untrained import Shape, control_tokens

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings(Shape):
    """The shape of a GPT-2 (Radford et al. 2019)."""

    family: Literal["gpt2"]
    context: Annotated[int, Field(ge=2)]
    activation: Literal["gelu_new", "gelu_pytorch_tanh", "relu", "relu2"]
    bias: bool
    """Whether biases and the gains of layer norms are trained; else they stay at 0 and 1."""
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration."""
        from transformers import GPT2Config

        return GPT2Config(
            vocab_size=tokens.size,
            n_positions=self.context,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            activation_function=self.activation,
            resid_pdrop=self.dropout,
            embd_pdrop=self.dropout,
            attn_pdrop=0.0,
            tie_word_embeddings=True,
            **control_tokens(tokens),
            **head,
        )

    def initialize(self, model: Any) -> None:
        """Start every block as the identity, and scale the other weights with the width.

        Its projections back into the residual stream are zero. This is what lets large learning
        rates work from the first step.
        """
        import torch

        for name, weight in model.named_parameters():
            if name.endswith("bias") or ".ln_" in name:
                weight.requires_grad_(self.bias)
            elif name.endswith("c_proj.weight"):
                torch.nn.init.zeros_(weight)
            else:
                spread = 0.5 * self.width**-0.5 if ".h." in name else 0.02
                torch.nn.init.normal_(weight, std=spread)
