"""T5: an encoder that reads and a decoder that writes, with relative positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.family import check_multiple, from_config, no_such_model

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings:
    """The shape of a T5."""

    name: str
    family: Literal["t5"]
    base: None
    layers: Positive
    """Of the encoder, and as many of the decoder."""
    heads: Positive
    width: Positive
    feed_forward: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def __post_init__(self) -> None:
        check_multiple(self, "width", "heads")

    @property
    def context(self) -> None:
        """Most tokens that the model sees: relative positions limit nothing."""
        return

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model with random weights, drawn from torch's default generator.

        Args:
            auto: transformers' Auto class of the task.
            tokens: the vocabulary.
            head: what the task adds to the configuration.

        Raises:
            ModelError: there is no such model for this task.
        """
        from transformers import T5Config

        if auto.__name__ == "AutoModelForSequenceClassification":
            # transformers has one, which takes one end-of-text token a text: padding can be such.
            raise no_such_model(auto, self.family)
        # Where the tokenizer has no padding, its place beside end-of-text is never looked at: the
        # labels of padding are -100.
        padding = tokens.end_of_text if tokens.padding is None else tokens.padding
        ends = {"bos_token_id": tokens.end_of_text, "decoder_start_token_id": padding}
        config = T5Config(
            vocab_size=tokens.size,
            d_model=self.width,
            d_kv=self.width // self.heads,
            d_ff=self.feed_forward,
            num_layers=self.layers,
            num_decoder_layers=self.layers,
            num_heads=self.heads,
            feed_forward_proj="gated-gelu",
            dropout_rate=self.dropout,
            eos_token_id=tokens.end_of_text,
            pad_token_id=padding,
            **ends,
            **head,
        )
        return from_config(auto, config)
