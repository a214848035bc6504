import subprocess
import sys

import numpy as np
import pytest

from stemma.corpus.cleaning.words import shingles, words_of
from stemma.corpus.duplicates.minhash import band_hashes, signatures, similarity, sketches

PRINT = """
import hashlib
from stemma.corpus.duplicates.minhash import band_hashes, signatures
from stemma.corpus.cleaning.words import shingles, words_of
made = signatures([shingles(words_of("to be or not to be that is the question"), 3, 0)], 12)
print(hashlib.sha256(made.tobytes() + band_hashes(made, 4).tobytes()).hexdigest())
"""


def test_every_process_and_machine_gives_the_same_signature():
    command = [sys.executable, "-c", PRINT]
    found = {
        subprocess.run(
            command,
            env={"PYTHONPATH": "src", "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert found == {b"2597638ea76906f9a638347bf78f9588716a712b933449401c6b3ca7cd4efccf\n"}


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8])
def test_equal_values_estimate_the_jaccard_similarity(similarity):
    draw = np.random.default_rng(0).integers(0, 2**64, 4000, np.uint64)
    common = int(2 * 1000 * similarity / (1 + similarity))
    left, right = draw[:1000], np.concatenate([draw[:common], draw[2000 : 3000 - common]])
    one, other = signatures([left, right], 1000)
    assert (one == other).mean() == pytest.approx(similarity, abs=0.05)


def test_bands_hash_their_rows_only():
    one, other = signatures([shingles(words_of(text), 2, 0) for text in ("a b c", "x y z")], 8)
    mixed = np.concatenate([one[:4], other[4:]])
    first, second, third = band_hashes(np.stack([one, other, mixed]), 2).T
    assert first[0] == third[0] and second[1] == third[1]
    assert first[1] != third[1] and second[0] != third[0]


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9, 1])
def test_sketches_estimate_the_similarity_within_their_standard_error(share):
    draw = np.random.default_rng(0).integers(0, 2**63, 300 * 200, np.uint64).reshape(300, -1)
    common = round(2 * 100 * share / (1 + share))
    left = [row[:100] for row in draw]
    right = [np.concatenate([row[:common], row[100 : 200 - common]]) for row in draw]
    found = similarity(sketches(left), sketches(right))
    assert found.mean() == pytest.approx(share, abs=0.02)
    assert found.std() < 0.07
