from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.split import TEST, TRAIN, VALIDATION, side


def test_draws_the_fractions_asked_for():
    counts = Counter(side(str(number), "salt", 0.1, 0.2) for number in range(10_000))
    assert abs(counts[VALIDATION] - 1000) < 100
    assert abs(counts[TEST] - 2000) < 140


def test_another_salt_draws_another_split():
    assert [side(str(n), "a", 0.3, 0.3) for n in range(50)] != [
        side(str(n), "b", 0.3, 0.3) for n in range(50)
    ]


@given(st.text(), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_larger_fraction_takes_from_train_only(key, fraction, larger):
    fraction, larger = sorted((fraction, larger))
    before, after = side(key, "", 0.1, fraction), side(key, "", 0.1, larger)
    assert before == after or (before, after) == (TRAIN, TEST)
