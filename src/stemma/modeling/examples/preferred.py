"""Preferences in the order of training, in groups that stay together, with a reference's scores."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from stemma.corpus.packing import read_labels, read_split
from stemma.corpus.preferences import CHOSEN, DESIRABLE, NAME, read_kinds
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError
from stemma.modeling.task import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from stemma.modeling.task import Examples
    from stemma.modeling.training.settings import TrainSection

    Score = Callable[[list[Batch]], torch.Tensor]


class Sequences:
    """The sequences of the preferences.

    Args:
        prepared: data/prepared.
        longest: most tokens of a sequence; a longer one loses the beginning of its prompt.

    Attributes:
        kinds: what each is, int8, an index into KINDS.

    Raises:
        DataError: there are none, or a file is torn.
    """

    def __init__(self, prepared: Path, longest: int) -> None:
        self.kinds = read_kinds(prepared)
        if not len(self.kinds):
            raise DataError(
                f"train.preference is set, but {prepared} has no preferences",
                "add rows with a prompt (docs/preferences.md) and set source.columns.prompt, or "
                "use -S train=full or lora",
            )
        self._split, self._labels = read_split(prepared, NAME), read_labels(prepared, NAME)
        if len(self._split.offsets) - 1 != len(self.kinds):
            raise DataError(
                f"{prepared}/{NAME}.kinds.npy does not fit {NAME}.offsets.npy",
                "type `dvc repro prepare`, or `dvc checkout` to restore the files",
            )
        encoder = Encoder(prepared / "tokenizer")
        # What stands at the end of a shorter sequence is seen by no token before it.
        self._padding = encoder.end_of_text if encoder.padding is None else encoder.padding
        self._longest = longest

    def sequence(self, prompt: int, completion: int) -> Batch:
        """Return the prompt of one sequence and the completion of another, or of the same."""
        ids, _ = self._of(prompt)
        end, labels = self._of(completion)
        before = ids[: self._start(prompt)]
        start = self._start(completion)
        end, labels = end[start : start + self._longest - 1], labels[start:]
        before = before[max(0, len(before) + len(end) - self._longest) :]
        nothing = np.full(len(before), IGNORED, np.int64)
        return {
            "input_ids": torch.from_numpy(np.concatenate([before, end])),
            "labels": torch.from_numpy(np.concatenate([nothing, labels[: len(end)]])),
            "padding": self._padding,
        }

    def tokens(self, index: int) -> int:
        """Return how long a sequence is."""
        return min(self._longest, int(np.diff(self._split.offsets[index : index + 2])[0]))

    def _of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        place = slice(*self._split.offsets[index : index + 2])
        return self._split.tokens[place].astype(np.int64), self._labels[place].astype(np.int64)

    def _start(self, index: int) -> int:
        return int(np.flatnonzero(self._of(index)[1] != IGNORED)[0])


class Preferred(Dataset[Batch]):
    """Preferences in groups of a micro-batch, the groups in an order that the seed fixes.

    Item ``i`` of the run is a function of the seed and of ``i`` alone. The groups are the same in
    every epoch: KTO's reference point pairs each prompt of a group with the completion before it,
    as TRL does, so that what the reference says of these is known before training.

    Args:
        sequences: the preferences.
        ordinary: training examples, of which each item brings one along; None for none.
        section: the settings of training.
        seed: of the groups and of their order.

    Raises:
        DataError: there are too few preferences of the kind that the loss learns from.
    """

    def __init__(
        self, sequences: Sequences, ordinary: Examples | None, section: TrainSection, seed: int
    ) -> None:
        assert section.preference is not None
        self.pairs = section.preference.loss == "dpo"
        self._sequences, self._ordinary, self._seed = sequences, ordinary, seed
        self._size, self._items = section.micro_batch_size, section.steps * section.batch_size
        kinds = sequences.kinds
        chosen = np.flatnonzero(kinds == CHOSEN) if self.pairs else np.arange(len(kinds))
        if len(chosen) < self._size:
            of = "pairs (chosen and rejected)" if self.pairs else "judged completions"
            raise DataError(
                f"the preferences have {len(chosen)} {of}, and train.micro_batch_size is "
                f"{self._size}",
                "add some, or lower it (train.preference.loss=kto learns from pairs and thumbs)",
            )
        shuffled = np.random.default_rng([seed, 1]).permutation(chosen)
        groups = -(-len(shuffled) // self._size)
        # The last group is filled up with the first.
        self._groups = np.resize(shuffled, (groups, self._size))
        self._reference = torch.zeros(groups, self._size, 2)
        self._order = functools.lru_cache(1)(self._shuffle)

    def __len__(self) -> int:
        """Return the number of examples in the whole run."""
        return self._items

    @property
    def tokens_seen(self) -> int:
        """Tokens of the judged sequences and of the ordinary examples in the whole run."""
        times = np.bincount(
            [self._order(epoch)[place] for epoch, place in map(self._place, self._firsts())],
            minlength=len(self._groups),
        )
        ends = (0, 1) if self.pairs else (0,)
        of_group = [
            sum(self._sequences.tokens(int(one) + end) for one in group for end in ends)
            for group in self._groups
        ]
        seen = self._ordinary.tokens_seen if self._ordinary is not None else 0
        return int((times * np.array(of_group)).sum()) + seen

    def __getitem__(self, index: int) -> Batch:
        """Return example ``index`` of the run.

        Returns:
            ``sequences``: chosen and rejected, or what is judged and the mismatched one;
            ``reference``: the log-probabilities of their completions under the reference, [2];
            ``desirable``: whether the first is; ``ordinary``: an ordinary example or None.
        """
        epoch, place = self._place(index // self._size)
        group, member = self._order(epoch)[place], index % self._size
        one = int(self._groups[group, member])
        return {
            "sequences": self._both(group, member),
            "reference": self._reference[group, member],
            "desirable": bool(self._sequences.kinds[one] in (CHOSEN, DESIRABLE)),
            "ordinary": None if self._ordinary is None else self._ordinary[index],
        }

    def refer(self, score: Score) -> None:
        """Keep the log-probability of each completion, as ``score`` gives them for a group."""
        for group in range(len(self._groups)):
            both = [self._both(group, member) for member in range(self._size)]
            for end in (0, 1):
                self._reference[group, :, end] = score([two[end] for two in both])

    def _both(self, group: int, member: int) -> tuple[Batch, Batch]:
        one, before = (int(self._groups[group, place]) for place in (member, member - 1))
        first = self._sequences.sequence(one, one)
        other = (one + 1, one + 1) if self.pairs else (one, before)
        return first, self._sequences.sequence(*other)

    def _firsts(self) -> range:
        return range(-(-self._items // self._size))

    def _place(self, batch: int) -> tuple[int, int]:
        return divmod(batch, len(self._groups))

    def _shuffle(self, epoch: int) -> Any:
        return np.random.default_rng([self._seed, 2, epoch]).permutation(len(self._groups))
