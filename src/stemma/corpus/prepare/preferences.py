"""The tokens of preferences, beside those of the splits."""

import contextlib
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stemma.corpus.packing import LabelWriter, TokenWriter, merge_labels, merge_parts
from stemma.corpus.preferences import NAME, taken_apart
from stemma.corpus.prepare.encode import Tokenised
from stemma.corpus.sharding.pool import Pool
from stemma.corpus.sharding.shard import Placed
from stemma.corpus.split import PREFERENCE
from stemma.corpus.task import Encoding
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.files import write_json


@dataclasses.dataclass
class _Made:
    """What became of the preferences of a shard, by the index of the document."""

    tokens: dict[int, int]
    reasons: dict[int, str]
    ids: list[str]
    kinds: list[int]


@dataclasses.dataclass(frozen=True)
class _Tokenise:
    """Encodes the preferences of a shard."""

    encoder: Encoder
    encoding: Encoding

    def __call__(self, placed: Placed) -> _Made:
        made, folder, index = _Made({}, {}, [], []), placed.shard.tokens, itertools.count()
        with contextlib.ExitStack() as stack:
            tokens = stack.enter_context(TokenWriter(folder, NAME, self.encoder.size, None))
            labels = stack.enter_context(LabelWriter(folder, NAME))
            for examples, sides in placed.examples():
                for number, example, side in zip(index, examples, sides.tolist(), strict=False):
                    if side != PREFERENCE:
                        continue
                    found = self.encoding.encode_preference(example, self.encoder)
                    if isinstance(found, str):
                        made.reasons[number] = found
                        continue
                    tokens.append([one.ids for one in found])
                    labels.append([one.labels for one in found if one.labels is not None])
                    made.tokens[number] = sum(len(one.ids) for one in found)
                    made.ids.append(example.id)
                    made.kinds += [kind for kind, _ in taken_apart(example.parts)[1]]
        return made


def tokenise_preferences(
    pool: Pool,
    placed: Sequence[Placed],
    encoder: Encoder,
    encoding: Encoding,
    folder: Path,
    others: Sequence[Tokenised],
) -> None:
    """Encode the preferences, write their arrays into ``folder``, and say it of each document.

    Args:
        pool: runs the map.
        placed: the shards.
        encoder: the tokenizer.
        encoding: of the task.
        folder: of the result.
        others: what became of the other documents of each shard; the preferences are added.

    Raises:
        DataError: the task does not learn from preferences.
    """
    made = list(pool.map(_Tokenise(encoder, encoding), placed))
    for one, of_shard in zip(others, made, strict=True):
        one.tokens[list(of_shard.tokens)] = list(of_shard.tokens.values())
        one.reasons.update(of_shard.reasons)
    if not any(one.ids for one in made):
        return
    parts = [one.shard.tokens for one in placed]
    merge_parts(parts, folder, NAME)
    merge_labels(parts, folder, NAME)
    kinds = np.array([kind for one in made for kind in one.kinds], np.int8)
    np.save(folder / f"{NAME}.kinds.npy", kinds)
    write_json(folder / f"{NAME}.json", [identifier for one in made for identifier in one.ids])
