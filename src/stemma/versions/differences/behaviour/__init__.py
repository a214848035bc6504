"""What two versions do: which documents fare worse or better, and how prompts are answered."""

from typing import Any

from stemma.pages.blocks import Block
from stemma.store.version import Version
from stemma.versions.comparison.measuring import TASK, measuring
from stemma.versions.comparison.pairs import paired
from stemma.versions.differences.behaviour import losses
from stemma.versions.differences.behaviour.prompts import Prompts
from stemma.versions.differences.section import Alike, Section

NAME = "behaviour"


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare how two versions do on the documents of the test split and on the prompts.

    Returns:
        EQUAL if they do the same; ABSENT if their tasks differ, or if they have nothing in common.

    Raises:
        ProjectError: a file of a version is torn.
    """
    if TASK in measuring(a, b):
        return Alike.ABSENT
    pairs, prompts = paired(a, b), Prompts.of(a, b)
    loss = losses.loss_of(pairs) if pairs else None
    facts: dict[str, Any] = {}
    words: list[str] = []
    blocks: list[Block] = []
    if pairs and loss and loss.change.any():
        shown = losses.ShownDocuments(b, pairs, loss)
        facts["documents"] = losses.facts_of(pairs, loss, shown)
        words.append(losses.sentence_of(pairs, loss))
        blocks += losses.blocks_of(pairs, loss, shown, (a.name, b.name))
    if prompts.differ:
        facts["prompts"] = prompts.facts()
        words.append(prompts.sentence())
        blocks += prompts.blocks((a.name, b.name))
    if blocks:
        return Section(NAME, tuple(words), facts, tuple(blocks))
    return Alike.EQUAL if loss or prompts.both else Alike.ABSENT
