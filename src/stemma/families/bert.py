"""BERT: encoders with learned positions that see both sides of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.untrained import Shape, control_tokens

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings(Shape):
    """The shape of a BERT (Devlin et al. 2019)."""

    # transformers has one, but it sees the tokens that it is to predict.
    unfit = frozenset({"AutoModelForCausalLM"})

    family: Literal["bert"]
    feed_forward: Positive
    context: Annotated[int, Field(ge=2)]
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration."""
        from transformers import BertConfig

        return BertConfig(
            vocab_size=tokens.size,
            max_position_embeddings=self.context,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.dropout,
            **control_tokens(tokens),
            **head,
        )
