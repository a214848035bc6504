"""OLMo: decoders whose norms have no weights (Groeneveld et al. 2024)."""

from typing import Annotated, Any

from pydantic import Field

from stemma.config import Positive, settings
from stemma.modeling.family import Tokens
from stemma.modeling.untrained import Shape, control_tokens


@settings
class Settings(Shape):
    """What conf/model/olmo.yaml sets, beside name, layers, heads and width."""

    family: str
    feed_forward: Positive
    context: Annotated[int, Field(ge=2)]

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration."""
        from transformers import OlmoConfig

        return OlmoConfig(
            vocab_size=tokens.size,
            hidden_size=self.width,
            intermediate_size=self.feed_forward,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
            **control_tokens(tokens),
            **head,
        )
