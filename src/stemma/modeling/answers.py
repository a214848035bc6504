"""What is predicted of documents of which only some tokens have labels: answers, targets."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from stemma.corpus.labelled import IGNORED
from stemma.modeling.examples import Documents
from stemma.modeling.windows import Scores


@dataclasses.dataclass(frozen=True)
class Answers:
    """The tokens with labels, by document.

    Attributes:
        ids: of the documents.
        lengths: how many such tokens each has, shape (documents,).
        texts: what they spell.
    """

    ids: list[str]
    lengths: NDArray[np.int64]
    texts: list[str]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """UTF-8 bytes of each text, shape (documents,)."""
        return np.array([len(text.encode()) for text in self.texts], np.int64)


def read_answers(ids: list[str], documents: Documents, decoder: Tokenizer) -> Answers:
    """Return what is predicted of a split whose documents have these ids."""
    parts = np.split(documents.labels, documents.split.offsets[1:-1])
    learned = [labels[labels != IGNORED].tolist() for labels in parts]
    lengths = np.array([len(answer) for answer in learned], np.int64)
    return Answers(ids, lengths, [decoder.decode(answer) for answer in learned])


def of_answers(scores: Iterable[Scores], documents: Documents) -> Iterator[Scores]:
    """Yield the scores of the tokens with labels alone."""
    for part in scores:
        places = documents.split.offsets[part.document] + part.position
        keep = documents.labels[places] != IGNORED
        yield Scores(part.document[keep], part.position[keep], part.loss[keep], part.rank[keep])
