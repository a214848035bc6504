"""The answers of two versions to the same prompts."""

import dataclasses
from typing import Any

from stemma.pages.beside import side_by_side
from stemma.pages.blocks import Block, Text
from stemma.store.version import Version
from stemma.versions.contents.samples import read_samples


@dataclasses.dataclass(frozen=True)
class Prompts:
    """The prompts of two versions.

    Attributes:
        both: the answers of the first and of the second version, by the prompt of both.
        only_a: prompts that only the first version was given.
        only_b: prompts that only the second version was given.
    """

    both: dict[str, tuple[str, str]]
    only_a: list[str]
    only_b: list[str]

    @classmethod
    def of(cls, a: Version, b: Version) -> "Prompts":
        """Read the prompts of two versions; none if a version has no samples."""
        left, right = read_samples(a), read_samples(b)
        if left is None or right is None:
            return cls({}, [], [])
        return cls(
            {prompt: (text, right[prompt]) for prompt, text in left.items() if prompt in right},
            [prompt for prompt in left if prompt not in right],
            [prompt for prompt in right if prompt not in left],
        )

    @property
    def differ(self) -> dict[str, tuple[str, str]]:
        """The prompts that are answered differently, with both answers."""
        return {prompt: texts for prompt, texts in self.both.items() if texts[0] != texts[1]}

    def sentence(self) -> str:
        """Return what the verdict says of the prompts."""
        return f"{len(self.differ)} of {len(self.both)} prompts are answered differently."

    def facts(self) -> dict[str, Any]:
        """Return the facts on the prompts."""
        return {
            "same": len(self.both) - len(self.differ),
            "different": [
                {"prompt": prompt, "a": one, "b": other}
                for prompt, (one, other) in self.differ.items()
            ],
            "only_a": self.only_a,
            "only_b": self.only_b,
        }

    def blocks(self, names: tuple[str, str]) -> list[Block]:
        """Return both answers to each prompt side by side, where they differ."""
        blocks: list[Block] = [
            side_by_side(prompt, names, *answers) for prompt, answers in self.differ.items()
        ]
        for name, prompts in zip(names, (self.only_a, self.only_b), strict=True):
            if prompts:
                blocks.append(Text(f"Only {name} was asked: {'; '.join(prompts)}"))
        return blocks
