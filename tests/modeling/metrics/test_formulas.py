import numpy as np
import pytest

from stemma.modeling.metrics.classes import CLASSES
from stemma.modeling.metrics.tags import ENTITIES, WORDS
from stemma.modeling.metrics.tokens import TOKENS
from stemma.versions.contents.formulas import FORMULAS

RANDOM = np.random.default_rng(0)
LABELS = np.array(["love", "war", "sea"], object)[RANDOM.integers(3, size=200)]
GUESSES = np.where(RANDOM.random(200) < 0.6, LABELS, "war").astype(object)
GUESSES[7] = "sky"


def test_macro_averages_by_the_book() -> None:
    examples = {"label": LABELS, "predicted": GUESSES, "loss": np.full(200, 0.5)}
    found = CLASSES.values(CLASSES.parts(examples).sum(axis=1))
    scores = []
    for name in ("love", "sea", "war"):  # "sky" is the class of no document
        hits = ((name == LABELS) & (name == GUESSES)).sum()
        precision, recall = hits / (name == GUESSES).sum(), hits / (name == LABELS).sum()
        scores.append((precision, recall, 2 * precision * recall / (precision + recall)))
    expected = np.mean(scores, axis=0)
    names = ("macro_precision", "macro_recall", "macro_f1")
    assert [found[name] for name in names] == pytest.approx(expected)
    assert found["accuracy"] == (LABELS == GUESSES).mean()
    assert found["loss"] == 0.5


def test_metrics_take_many_sums_at_once() -> None:
    columns = {name: RANDOM.integers(1, 9, 30) for one in FORMULAS for name in one.needs}
    columns |= {"label": LABELS[:30], "predicted": GUESSES[:30]}
    columns |= {"wanted": LABELS[:30], "written": GUESSES[:30]}
    for formulas in FORMULAS:
        parts = formulas.parts(columns)
        assert parts.shape[1] == 30
        halves = np.stack([parts[:, :15].sum(1), parts[:, 15:].sum(1)], axis=1)
        for name, values in formulas.values(halves).items():
            alone = [formulas.values(half)[name] for half in halves.T]
            assert values == pytest.approx(alone), name
        declared = {metric.name for metric in formulas.metrics}
        assert formulas.values(halves).keys() == declared


def test_words_and_entities_by_hand() -> None:
    words = WORDS.values(np.array([10.0, 5.0, 8.0]))
    assert words == {"loss": 0.5, "accuracy": 0.8}
    found = ENTITIES.values(np.array([3.0, 4.0, 6.0]))
    assert found == {"entity_precision": 0.5, "entity_recall": 0.75, "entity_f1": 0.6}
    assert ENTITIES.values(np.zeros(3)) == dict.fromkeys(found, 0)


def test_what_compares_under_one_tokenizer_only() -> None:
    metrics = TOKENS.values(np.ones(5))
    assert metrics.keys() - TOKENS.by_token == {"bits_per_byte"}
