"""How a model is built: what the train stage, the task and the model family ask of each other."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Protocol

from stemma.config import chosen
from stemma.errors import ModelError


@dataclasses.dataclass(frozen=True)
class Tokens:
    """What a model needs to know about its tokenizer.

    Attributes:
        size: number of ids.
        end_of_text: the id that begins and ends a document.
        padding: the id that fills up a batch; None where the tokenizer has none.
    """

    size: int
    end_of_text: int
    padding: int | None = None


class Family(Protocol):
    """The settings section ``model``, as a module of `stemma.families` declares it."""

    @property
    def base(self) -> Any:
        """What training starts from; None for random weights."""
        ...

    @property
    def context(self) -> int | None:
        """Most tokens that the model sees; None where nothing limits them."""
        ...

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model to train; random weights are drawn from torch's default generator.

        Args:
            auto: transformers' Auto class of the task, such as AutoModelForCausalLM.
            tokens: the vocabulary.
            head: what the task adds to the configuration, such as num_labels.

        Raises:
            ModelError: there is no such model for this task.
        """
        ...


def no_head(settings: Any, prepared: Path) -> dict[str, Any]:
    """Return {}: a model that predicts tokens needs no other head than its embedding."""
    return {}


def no_such_model(auto: Any, family: str) -> ModelError:
    """Return the error that a family has no model for a task."""
    return ModelError(
        f"model.family {family} has no {auto.__name__.removeprefix('AutoModelFor')} model, "
        "which the task needs",
        "choose another model or another task",
    )


ModelSettings = Annotated[Any, chosen("stemma.families", "model.family")]
