"""Documents that count several times: where their copies stand, and what stays as it was."""

import dataclasses
import itertools

import numpy as np
import pytest
from preparing import load, prepared, rows_of

from stemma.corpus.documents import Document, Part
from stemma.corpus.packing import read_labels, read_split
from stemma.corpus.prepare.upsample import copied
from stemma.corpus.settings import UpsampleSettings

FEW = {"quality__min_words": 2, "duplicates__near": None, "boilerplate": None}
CHAT = {"vocab_size": 280, "special_tokens": ["<|im_start|>", "<|im_end|>"]}


def documents(count=40):
    words = np.random.default_rng(0).permutation(4000).reshape(count, -1)
    return [
        Document(
            f"{'production/' if n % 4 == 0 else 'own-'}{n}",
            " ".join(f"word{one}" for one in words[n]), "source", "CC0-1.0",
        )
        for n in range(count)
    ]  # fmt: skip


def pieces(split):
    return [split.tokens[start:end].tolist() for start, end in itertools.pairwise(split.offsets)]


@pytest.mark.parametrize("times", [1, 3])
def test_copies_stand_behind_all_others(tmp_path, times):
    plain = prepared(tmp_path, documents(), load(), name="plain")
    upsample = {"ids": ["production/*"], "times": times}
    more = prepared(tmp_path, documents(), load(upsample=upsample), name="more")
    assert rows_of(plain) == rows_of(more)
    for split in ("validation", "test"):
        assert pieces(read_split(plain, split)) == pieces(read_split(more, split))
    before, after = (pieces(read_split(one, "train")) for one in (plain, more))
    ids = [row["id"] for row in rows_of(plain) if row["split"] == "train"]
    chosen = [place for place, name in enumerate(ids) if name.startswith("production/")]
    assert chosen and len(chosen) < len(ids)
    assert after == before + [before[place] for place in chosen] * (times - 1)


def test_labels_go_along(tmp_path):
    def dialogue(one):
        first, second, *_ = one.text.split()
        said = (Part("user", f"Say {first}!"), Part("assistant", f"It is {second}, is it?"))
        return dataclasses.replace(one, text=" ".join(p.text for p in said), parts=said)

    given, upsample = [dialogue(one) for one in documents()], {"ids": ["production/*"], "times": 2}
    plain = prepared(tmp_path, given, load(task="chat", tokenizer=CHAT, **FEW), name="plain")
    more = prepared(
        tmp_path, given, load(task="chat", tokenizer=CHAT, **FEW, upsample=upsample), name="more"
    )
    one, other = (read_labels(folder, "train") for folder in (plain, more))
    assert len(other) > len(one) and (other[: len(one)] == one).all()
    assert len(other) == len(read_split(more, "train").tokens)


def test_nothing_is_copied_without_a_pattern():
    settings = UpsampleSettings(ids=(), times=9)
    assert copied(["a", "b"], settings) == []
    assert copied(["a", "b"], UpsampleSettings(ids=("b",), times=3)) == [1, 1]
