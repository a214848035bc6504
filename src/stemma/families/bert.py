"""BERT: encoders with learned positions that see both sides of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.family import check_multiple, from_config, no_such_model

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Settings:
    """The shape of a BERT."""

    name: str
    family: Literal["bert"]
    base: None
    layers: Positive
    heads: Positive
    width: Positive
    feed_forward: Positive
    context: Annotated[int, Field(ge=2)]
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
        from transformers import BertConfig

        if auto.__name__ == "AutoModelForCausalLM":
            # transformers has one, which sees the tokens that it is to predict.
            raise no_such_model(auto, self.family)
        config = BertConfig(
            vocab_size=tokens.size,
            max_position_embeddings=self.context,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.dropout,
            bos_token_id=tokens.end_of_text,
            eos_token_id=tokens.end_of_text,
            pad_token_id=tokens.padding,
            **head,
        )
        return from_config(auto, config)
