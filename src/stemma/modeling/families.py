"""Model families: from settings to an untrained transformers model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stemma.config import settings

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

Positive = Annotated[int, Field(ge=1)]


@settings
class ModelSettings:
    """A GPT-2-family decoder."""

    name: str
    family: Literal["gpt2"]
    layers: Positive
    heads: Positive
    width: Positive
    context: Annotated[int, Field(ge=2)]
    activation: Literal["gelu_new", "gelu_pytorch_tanh", "relu", "relu2"]
    bias: bool
    """Whether biases and the gains of layer norms are trained; else they stay at 0 and 1."""
    dropout: Annotated[float, Field(ge=0, lt=1)]


def build_model(settings: ModelSettings, vocabulary: int, end_of_text: int) -> GPT2LMHeadModel:
    """Return a model with random weights, drawn from torch's default generator.

    Args:
        settings: shape of the model.
        vocabulary: number of token ids.
        end_of_text: the id that begins and ends a document.

    Raises:
        SettingsError: the width is no multiple of the number of heads.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    from stemma.errors import SettingsError

    if settings.width % settings.heads:
        raise SettingsError(
            f"model.width {settings.width} is no multiple of model.heads {settings.heads}",
            "set one of them so that it is",
        )
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=settings.context,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        activation_function=settings.activation,
        resid_pdrop=settings.dropout,
        embd_pdrop=settings.dropout,
        attn_pdrop=0.0,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        tie_word_embeddings=True,
    )
    model = GPT2LMHeadModel(config)
    _initialize(model, settings)
    return model


def _initialize(model: GPT2LMHeadModel, settings: ModelSettings) -> None:
    import torch

    # Every block starts as the identity (its projections back into the stream are zero), and the
    # others scale with the width: what lets large learning rates work from the first step.
    for name, weight in model.named_parameters():
        if name.endswith("bias") or ".ln_" in name:
            weight.requires_grad_(settings.bias)
        elif name.endswith("c_proj.weight"):
            torch.nn.init.zeros_(weight)
        else:
            spread = 0.5 * settings.width**-0.5 if ".h." in name else 0.02
            torch.nn.init.normal_(weight, std=spread)
