"""Documents of which only some tokens are predicted, those with labels: answers, targets."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemma.corpus.task import IGNORED
from stemma.modeling.evaluation.restoring import Restorer
from stemma.modeling.evaluation.token_scores import Scores
from stemma.modeling.examples.documents import Documents


@dataclasses.dataclass(frozen=True)
class Answers:
    """The tokens with labels of each document.

    Attributes:
        ids: of the documents.
        lengths: number of such tokens in each document, shape (documents,).
        texts: what these tokens spell.
        not_restored: number of documents whose tokens stand for another text than they spell.
    """

    ids: list[str]
    lengths: NDArray[np.int64]
    texts: list[str]
    not_restored: int = 0

    @property
    def sizes(self) -> NDArray[np.int64]:
        """UTF-8 bytes of each text, shape (documents,)."""
        return np.array([len(text.encode()) for text in self.texts], np.int64)


def read_answers(ids: list[str], documents: Documents, folder: Path) -> Answers:
    """Return what is predicted of the documents of a split.

    Args:
        ids: of the documents, in the split's order.
        documents: the split, with its labels.
        folder: holds the tokenizer that spells the tokens.
    """
    parts = np.split(documents.labels, documents.split.offsets[1:-1])
    learned = [labels[labels != IGNORED].tolist() for labels in parts]
    lengths = np.array([len(answer) for answer in learned], np.int64)
    restorer = Restorer(folder)
    # The last token of each is the one that ends it.
    lost = sum(not restorer.is_exact(answer[:-1]) for answer in learned)
    return Answers(ids, lengths, [restorer.spell(answer) for answer in learned], lost)


def of_answers(scores: Iterable[Scores], documents: Documents) -> Iterator[Scores]:
    """Yield only the scores of tokens with labels."""
    for part in scores:
        places = documents.split.offsets[part.document] + part.position
        keep = documents.labels[places] != IGNORED
        yield Scores(part.document[keep], part.position[keep], part.loss[keep], part.rank[keep])
