import dataclasses
import hashlib
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stemma.config import build
from stemma.corpus.cleaning.words import shingles, words_of
from stemma.corpus.duplicates.clusters import (
    EXACT,
    KEPT,
    NEAR,
    OTHER_SIDE,
    Fingerprints,
    FingerprintStore,
    Signatures,
    find_clusters,
)
from stemma.corpus.duplicates.minhash import band_hashes, signatures
from stemma.corpus.prepare.clean import _hash_of
from stemma.corpus.settings import DuplicateSettings

DROP = build(
    DuplicateSettings,
    {"exact": "drop", "near": "drop", "threshold": 0.7, "shingle": 3, "bands": 20, "rows": 5},
    "test",
)
KEEP = dataclasses.replace(DROP, exact="keep", near="keep")

WORDS = [f"word{number}" for number in range(200)]
BASE = [" ".join(random.Random(seed).choices(WORDS, k=60)) for seed in range(4)]
# A chain: each is like the next, the first unlike the last.
CHAIN = [
    " ".join([*BASE[0].split()[8 * step :], *BASE[1].split()[: 8 * step]]) for step in range(6)
]


def fingerprint(documents, settings=DROP):
    """Of (id, text, side)."""
    texts = [text for _, text, _ in documents]
    keys = b"".join(
        hashlib.sha256(text.encode()).digest() + _hash_of(name) for name, text, _ in documents
    )
    made = signatures(
        [shingles(words_of(text), settings.shingle, 0) for text in texts],
        settings.bands * settings.rows,
    )
    numbers = np.frombuffer(keys, ">u8").reshape(-1, 5).astype(np.uint64)
    return (
        Fingerprints(numbers, np.array([side for _, _, side in documents], np.int8), numbers[:, 0]),
        Signatures(made, band_hashes(made, settings.bands)),
    )


def join(documents, settings=DROP, shard=3):
    """Map each id to its verdict and the id that represents it."""
    with tempfile.TemporaryDirectory() as folder:
        store = FingerprintStore(Path(folder))
        for start in range(0, len(documents), shard):
            fingerprints, signed = fingerprint(documents[start : start + shard], settings)
            store.append(fingerprints)
            store.sign(signed)
        found = find_clusters(store, settings)
    names = [name for name, _, _ in documents]
    return {
        name: (int(verdict), names[representative])
        for name, verdict, representative in zip(
            names, found.verdict, found.representative, strict=True
        )
    }


def side_of(text):
    return hashlib.sha256(text.encode()).digest()[0] % 3


def variant(text, seed):
    """A text with one word changed."""
    words = text.split()
    words[seed % len(words)] = f"changed{seed}"
    return " ".join(words)


texts = st.one_of(
    st.builds(variant, st.sampled_from(BASE), st.integers(0, 5)), st.sampled_from(BASE + CHAIN)
)
corpora = st.lists(texts, min_size=1, max_size=14).map(
    lambda some: [(f"doc{number}", text, side_of(text)) for number, text in enumerate(some)]
)


def test_equal_and_similar_texts_are_one_cluster():
    documents = [
        ("a", BASE[0], 0), ("b", variant(BASE[0], 1), 0), ("c", BASE[0], 0), ("d", BASE[1], 0)
    ]  # fmt: skip
    # The hash of b's text is the smallest of the two texts, and that of c of the two equal ids.
    verdicts = {"a": (EXACT, "b"), "b": (KEPT, "b"), "c": (NEAR, "b"), "d": (KEPT, "d")}
    assert join(documents) == verdicts


def test_of_equal_texts_the_one_whose_id_has_the_smallest_hash_stays():
    documents = [(name, BASE[0], 0) for name in "abc"]
    first = min("abc", key=_hash_of)
    assert join(documents) == {name: (EXACT if name != first else KEPT, first) for name in "abc"}


def test_without_near_only_equal_texts_go():
    documents = [("a", BASE[0], 0), ("b", variant(BASE[0], 1), 0), ("c", BASE[0], 0)]
    found = join(documents, dataclasses.replace(DROP, near=None))
    assert sorted(verdict for verdict, _ in found.values()) == [KEPT, KEPT, EXACT]


def test_similarity_below_the_threshold_is_no_duplicate():
    half = " ".join(BASE[0].split()[:30] + BASE[1].split()[30:])
    assert join([("a", BASE[0], 0), ("b", half, 0)])["b"] == (KEPT, "b")


@given(corpora, st.sampled_from([DROP, KEEP]), st.randoms(), st.integers(1, 5))
@hypothesis_settings(max_examples=60, deadline=None)
def test_order_and_shards_are_irrelevant(documents, settings, rng, shard):
    shuffled = rng.sample(documents, len(documents))
    assert join(documents, settings) == join(shuffled, settings, shard)


@given(corpora, st.sampled_from([DROP, KEEP]))
@hypothesis_settings(max_examples=60, deadline=None)
def test_every_cluster_keeps_its_representative_on_one_side(documents, settings):
    found = join(documents, settings)
    side = {name: side for name, _, side in documents}
    for name, (verdict, representative) in found.items():
        assert found[representative] == (KEPT, representative)
        if verdict == KEPT:
            assert side[name] == side[representative], "duplicates on two sides of the split"
            assert settings is KEEP or name == representative
        if settings is KEEP:
            assert verdict == (KEPT if side[name] == side[representative] else OTHER_SIDE)


@given(corpora, corpora, st.sampled_from([DROP, KEEP]))
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_document_that_is_added_moves_no_other(documents, added, settings):
    # A document's side is an input of the join: it can only be kept where it is, or dropped. What
    # remains to be shown is that it is dropped only for a duplicate that is kept.
    added = [(f"new-{name}", text, side) for name, text, side in added]
    before, after = join(documents, settings), join(documents + added, settings)
    for name, (verdict, _) in before.items():
        if verdict == KEPT and after[name][0] != KEPT:
            assert after[after[name][1]][0] == KEPT
    clusters = {}
    for name, (_, representative) in after.items():
        clusters.setdefault(representative, set()).add(name)
    for members in clusters.values():
        if not any(name.startswith("new-") for name in members):
            assert all(before[name] == after[name] for name in members)


def test_a_bucket_of_unlike_documents_is_taken_apart():
    # All documents share every band: only the comparison of signatures tells them apart.
    documents = [
        (f"{base}-{seed}", variant(BASE[base], seed), 0) for seed in (0, 1) for base in range(4)
    ]
    made, signed = fingerprint(documents)
    with tempfile.TemporaryDirectory() as folder:
        store = FingerprintStore(Path(folder))
        store.append(made)
        store.sign(dataclasses.replace(signed, bands=np.zeros_like(signed.bands)))
        found = find_clusters(store, DROP)
    assert [int(one) % 4 for one in found.representative] == [0, 1, 2, 3] * 2
    assert (found.verdict == KEPT).sum() == 4


@pytest.mark.parametrize("threshold", [0.5])
def test_a_chain_of_similar_documents_is_one_cluster(threshold):
    documents = [(str(step), text, 0) for step, text in enumerate(CHAIN)]
    found = join(documents, dataclasses.replace(DROP, threshold=threshold, bands=40, rows=2))
    assert len({representative for _, representative in found.values()}) == 1
    assert join([documents[0], documents[5]])["5"] == (KEPT, "5")
