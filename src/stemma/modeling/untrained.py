"""Models that start from random weights: what the settings of their families have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from stemma.config import Positive, settings
from stemma.errors import SettingsError
from stemma.modeling.family import no_such_model

if TYPE_CHECKING:
    from stemma.modeling.family import Tokens


@settings
class Shape:
    """The shape of a model of some family.

    Attributes:
        unfit: Auto classes that transformers has for the family, but that do not do their task.
    """

    unfit: ClassVar[frozenset[str]] = frozenset()

    name: str
    base: None
    layers: Positive
    heads: Positive
    width: Positive

    def __post_init__(self) -> None:
        self.check_multiple("width", "heads")

    def check_multiple(self, whole: str, part: str, times: int = 1) -> None:
        """Refuse settings whose ``whole`` is no multiple of ``part`` (times a number).

        Raises:
            SettingsError: names both keys.
        """
        if getattr(self, whole) % (times * getattr(self, part)):
            raise SettingsError(
                f"model.{whole} {getattr(self, whole)} is no multiple of "
                f"{f'{times} times ' if times > 1 else ''}model.{part} {getattr(self, part)}",
                "set one of them so that it is",
            )

    def configuration(self, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return transformers' configuration of a model of this shape."""
        raise NotImplementedError

    def initialize(self, model: Any) -> None:
        """Draw the weights of a model anew, where transformers' own are not wanted."""

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model as `stemma.modeling.family.Family` describes it."""
        config = self.configuration(tokens, head)
        # What from_config looks up first; it would raise a ValueError, as it does for much else.
        if auto.__name__ in self.unfit or type(config) not in auto._model_mapping:
            raise no_such_model(auto, config.model_type)
        model = auto.from_config(config)
        self.initialize(model)
        return model


def control_tokens(tokens: Tokens) -> dict[str, Any]:
    """Return what a configuration says of the tokens that begin, end and fill up texts."""
    return {
        "bos_token_id": tokens.end_of_text,
        "eos_token_id": tokens.end_of_text,
        "pad_token_id": tokens.padding,
    }
