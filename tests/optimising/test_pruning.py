"""When a trial ends early, and what the losses of documents decide."""

import json
from pathlib import Path

import numpy as np
import pytest
from released import Released

from stemma.optimising import judging, losses, pruning
from stemma.optimising.losses import Table
from stemma.optimising.space import Constraints, Pruning

NONE = Constraints(
    megabytes=None, first_token_ms=None, token_ms=None, memory_megabytes=None, prompt_tokens=8
)
ASKED = Pruning(level=0.05, share=0.5)
RANDOM = np.random.default_rng(1)
HARD = RANDOM.normal(4, 1, 40)  # some documents are harder than others


def trained(gap: float, steps: tuple[int, ...] = (20, 40, 60)) -> dict[int, np.ndarray]:
    noise = np.random.default_rng(round(abs(gap) * 1000)).normal(0, 0.02, (len(steps), len(HARD)))
    return {step: HARD + 40 / step + gap + noise[at] for at, step in enumerate(steps)}


def ends(gap: float, asked: Pruning = ASKED, steps: tuple[int, ...] = (20, 40, 60)) -> int | None:
    table = Table(62, 1, list(range(40)), trained(gap, steps))
    return pruning.ends_at(asked, table, trained(0.0), 20)


def test_a_worse_trial_ends_at_the_first_look_and_a_better_one_never():
    assert pruning.looks(ASKED, 62, 20) == [40, 60]
    assert ends(0.05) == 40
    assert ends(-0.05) is None
    assert ends(0.05, Pruning(level=0.05, share=0.0)) == 20
    assert ends(0.05, Pruning(level=None, share=0.0)) is None
    # What is at hand so far; losses of an earlier step are not held against those of a later one.
    assert ends(0.05, steps=(20,)) is None
    assert ends(0.001, Pruning(level=1e-9, share=0.0)) is None


def test_trials_that_are_as_good_are_seldom_ended():
    ended = 0
    for seed in range(300):
        noise = np.random.default_rng(seed).normal(0, 0.05, (2, 3, 40))
        now, best = ({20 * at + 20: HARD + one for at, one in enumerate(side)} for side in noise)
        table = Table(62, 1, list(range(40)), now)
        ended += pruning.ends_at(Pruning(level=0.1, share=0), table, best, 20) is not None
    assert 0 < ended / 300 <= 0.14


def test_losses_that_are_no_numbers_end_nothing():
    now = HARD.copy()
    now[3] = np.nan
    assert not pruning.is_worse(ASKED, now, HARD, 1)
    assert not pruning.is_worse(ASKED, HARD[:4] + 1, HARD[:4], 1)


def test_blocks_of_a_document_are_one_and_a_torn_line_is_none(tmp_path: Path):
    path = tmp_path / "held_out.jsonl"
    assert losses.read(path) is None
    lines = [
        {"documents": [0, 0, 2], "pid": 5, "steps": 4},
        {"step": 2, "losses": [1.0, 3.0, 5.0]},
        {"step": 4, "losses": [1.0, 2.0, 3.0]},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text)
    table = losses.read(path)
    assert table is not None and table.documents == [0, 2]
    assert table.by_step[2].tolist() == [2.0, 5.0]
    assert table.last is not None and table.last.tolist() == [1.5, 3.0]
    path.write_text(text[:-9])
    table = losses.read(path)
    assert table is not None and list(table.by_step) == [2]


def test_the_metrics():
    one = np.arange(20.0)
    assert losses.METRICS["loss"](one) == 9.5
    assert losses.METRICS["worst_loss"](one) == 18.5


def test_the_paired_test_counts_how_many_could_have_been_the_best():
    found = judging.test(HARD, HARD - 0.02 + RANDOM.normal(0, 0.05, 40), 19)
    assert found is not None
    assert found.documents == 40 and found.low < found.best - found.committed < found.high
    assert found.corrected == min(1, 19 * found.p)
    alone = judging.test(HARD, HARD - 0.02 + RANDOM.normal(0, 0.05, 40), 1)
    assert alone is not None and alone.smallest < found.smallest
    assert judging.test(HARD[:3], HARD[:3] - 1, 1) is None


@pytest.mark.parametrize(("effect", "passed"), [(-0.05, True), (0.1, False)])
def test_a_winner_must_not_be_worse_than_head(tmp_path: Path, effect: float, passed: bool):
    made = Released(tmp_path / "project", {"not_worse": {"metrics": {"bits_per_byte": 0.02}}})
    made.in_prod(count=200, seed=1)
    head = made.git("rev-parse", "HEAD").strip()
    made.candidate(effect=effect)
    winner = made.git("rev-parse", "HEAD").strip()
    (outcome,) = judging.gates(NONE, "best", winner, head, made.root)
    assert outcome.gate == "not_worse" and outcome.passed is passed
    assert outcome.facts["metrics"]["bits_per_byte"]["margin"] == 0.02
