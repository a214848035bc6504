"""What families, tasks and the train stage say to one another when a model is built."""

import dataclasses
from typing import Annotated, Any, Protocol

from stemma.config import chosen


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


ModelSettings = Annotated[Any, chosen("stemma.families", "family")]
