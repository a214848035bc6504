"""What families, tasks and the train stage say to one another when a model is built."""

import dataclasses
from typing import Annotated, Any, Protocol

from stemma.config import chosen
from stemma.errors import ModelError, SettingsError


@dataclasses.dataclass(frozen=True)
class Tokens:
    """What a model must know of its tokenizer.

    Attributes:
        size: number of ids.
        end_of_text: the id that begins and ends a document.
        padding: the id that fills up a batch; None where the tokenizer has none.
    """

    size: int
    end_of_text: int
    padding: int | None = None


class Family(Protocol):
    """The section ``model``: settings of a module of `stemma.families`."""

    @property
    def base(self) -> Any:
        """What training starts from; None for random weights."""
        ...

    @property
    def context(self) -> int | None:
        """Most tokens that the model sees; None where nothing limits them."""
        ...

    def build(self, auto: Any, tokens: Tokens, head: dict[str, Any]) -> Any:
        """Return a model to train; what is random is drawn from torch's default generator.

        Args:
            auto: transformers' Auto class of the task, such as AutoModelForCausalLM.
            tokens: the vocabulary.
            head: what the task adds to the configuration, such as num_labels.

        Raises:
            ModelError: there is no such model for this task.
        """
        ...


def check_multiple(of: Any, whole: str, part: str, times: int = 1) -> None:
    """Refuse settings of a model whose ``whole`` is no multiple of ``part`` (times a number).

    Raises:
        SettingsError: names both keys.
    """
    if getattr(of, whole) % (times * getattr(of, part)):
        raise SettingsError(
            f"model.{whole} {getattr(of, whole)} is no multiple of "
            f"{f'{times} times ' if times > 1 else ''}model.{part} {getattr(of, part)}",
            "set one of them so that it is",
        )


def from_config(auto: Any, config: Any) -> Any:
    """Return a model of the task's Auto class with random weights.

    Raises:
        ModelError: the family has no such model.
    """
    try:
        # What from_config looks up first; it would raise a ValueError, as it does for much else.
        auto._model_mapping[type(config)]
    except KeyError as error:
        raise no_such_model(auto, config.model_type) from error
    return auto.from_config(config)


def no_such_model(auto: Any, family: str) -> ModelError:
    """Return the error that a family has no model for a task."""
    return ModelError(
        f"model.family {family} has no {auto.__name__.removeprefix('AutoModelFor')} model, "
        "which the task needs",
        "choose another model or another task",
    )


ModelSettings = Annotated[Any, chosen("stemma.families", "family")]
