"""T5: an encoder that reads and a decoder that writes, with relative positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.untrained import Shape, control_tokens

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings(Shape):
    """The shape of a T5 (Raffel et al. 2020), whose decoder has as many layers as its encoder."""

    # transformers has one, which takes one end-of-text token per text: padding can be such.
    unfit = frozenset({"AutoModelForSequenceClassification"})

    family: Literal["t5"]
    feed_forward: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]

    @property
    def context(self) -> None:
        """Return None: relative positions set no limit to the tokens that the model sees."""
        return

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration."""
        from transformers import T5Config

        # Where the tokenizer has no padding, end-of-text is put in its place, which is never looked
        # at: the labels of padding are -100.
        padding = tokens.end_of_text if tokens.padding is None else tokens.padding
        special = {"pad_token_id": padding, "decoder_start_token_id": padding}
        return T5Config(
            vocab_size=tokens.size,
            d_model=self.width,
            d_kv=self.width // self.heads,
            d_ff=self.feed_forward,
            num_layers=self.layers,
            num_decoder_layers=self.layers,
            num_heads=self.heads,
            feed_forward_proj="gated-gelu",
            dropout_rate=self.dropout,
            **{**control_tokens(tokens), **special},
            **head,
        )
