"""GPT-2: decoders with learned positions, from settings to an untrained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.family import check_multiple, from_config

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings:
    """The shape of a GPT-2."""

    name: str
    family: Literal["gpt2"]
    base: None
    layers: Positive
    heads: Positive
    width: Positive
    context: Annotated[int, Field(ge=2)]
    activation: Literal["gelu_new", "gelu_pytorch_tanh", "relu", "relu2"]
    bias: bool
    """Whether biases and the gains of layer norms are trained; else they stay at 0 and 1."""
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def __post_init__(self) -> None:
        check_multiple(self, "width", "heads")

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model with random weights, drawn from torch's default generator.

        Args:
            auto: transformers' Auto class of the task.
            tokens: the vocabulary.
            head: what the task adds to the configuration.

        Raises:
            ModelError: there is no such model for this task.
        """
        from transformers import GPT2Config

        config = GPT2Config(
            vocab_size=tokens.size,
            n_positions=self.context,
            n_embd=self.width,
            n_layer=self.layers,
            n_head=self.heads,
            activation_function=self.activation,
            resid_pdrop=self.dropout,
            embd_pdrop=self.dropout,
            attn_pdrop=0.0,
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

        # Every block starts as the identity (its projections back into the stream are zero), and
        # the others scale with the width: what lets large learning rates work from the first step.
        for name, weight in model.named_parameters():
            if name.endswith("bias") or ".ln_" in name:
                weight.requires_grad_(self.bias)
            elif name.endswith("c_proj.weight"):
                torch.nn.init.zeros_(weight)
            else:
                spread = 0.5 * self.width**-0.5 if ".h." in name else 0.02
                torch.nn.init.normal_(weight, std=spread)
