"""Settings of the tokenizer, be it trained here or an existing one."""

from typing import Annotated, Literal

from pydantic import Field

from stemma import layout
from stemma.config import settings


@settings
class BpeTokenizer:
    """Byte-level byte-pair encoding (Sennrich et al. 2016, Radford et al. 2019), trained here."""

    name: str
    kind: Literal["bpe"]
    vocab_size: Annotated[int, Field(gt=0)]
    """Number of entries, including <|endoftext|>, the special tokens and the 256 bytes."""
    min_frequency: Annotated[int, Field(ge=1)]
    """How often a pair must occur before it becomes an entry."""
    pattern: Literal["gpt2", "gpt4"]
    """How texts are cut before merging; no token crosses a cut."""
    special_tokens: tuple[Annotated[str, Field(min_length=1)], ...]
    """Control tokens in addition to <|endoftext|>."""
    sample_bytes: Annotated[int, Field(gt=0)]
    """UTF-8 bytes of text to learn from."""

    @property
    def origin(self) -> str:
        """The name by which the user knows the tokenizer."""
        return f"tokenizer={self.name}"


@settings
class PretrainedTokenizer:
    """A tokenizer that exists already."""

    name: str
    kind: Literal["pretrained"]
    path: Annotated[str, Field(min_length=1)]
    """A folder or file below data/input, or a repository of the Hugging Face hub."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")] | None
    """The commit on the hub; None for a path below data/input."""

    @property
    def origin(self) -> str:
        """The name by which the user knows the tokenizer."""
        return self.path


@settings
class BaseTokenizer:
    """The tokenizer of models/base."""

    name: str
    kind: Literal["base"]
    end_of_text: str | None
    """The token that ends a document; None for the base's eos_token."""

    @property
    def origin(self) -> str:
        """The name by which the user knows the tokenizer."""
        return layout.BASE.as_posix()


TokenizerSettings = Annotated[
    BpeTokenizer | PretrainedTokenizer | BaseTokenizer, Field(discriminator="kind")
]
