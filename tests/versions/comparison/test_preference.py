"""How votes between two versions are counted."""

import pytest
from scipy.stats import binomtest

from stemma.store.votes import Choice, Side, Vote
from stemma.versions.comparison.preference import Named, preference

OLD, NEW = Side("lm@v1.1.0", "a" * 40, "1" * 64), Side("lm@v1.2.0", "b" * 40, "2" * 64)
OTHER = Side("lm@v1.3.0", "c" * 40, "3" * 64)
A, B = Named(OLD.commit, frozenset()), Named(NEW.commit, frozenset())


def vote(left: Side, right: Side, choice: Choice, blind: bool = True) -> Vote:
    return Vote("", "", left, right, choice, blind, "", None)


def test_whichever_stood_on_the_left():
    votes = [vote(OLD, NEW, "b")] * 9 + [vote(NEW, OLD, "a")] * 5 + [vote(NEW, OLD, "b", False)] * 2
    votes += [vote(OLD, NEW, "equal")] * 3 + [vote(OLD, OTHER, "a"), vote(NEW, NEW, "a")]
    found = preference(votes, A, B)
    assert (found.a, found.b, found.equal, found.blind, found.votes) == (2, 14, 3, 17, 19)
    wanted = binomtest(14, 16)
    low, high = wanted.proportion_ci(method="wilson")
    assert found.share == 14 / 16 and found.p == pytest.approx(wanted.pvalue)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    turned = preference(votes, B, A)
    assert (turned.a, turned.b, turned.p) == (14, 2, found.p)
    assert turned.share == 2 / 16


def test_a_digest_is_enough():
    left = Side("models/exported", None, OLD.digest)
    by_digest = Named(None, frozenset({OLD.digest or ""}))
    assert preference([vote(left, NEW, "a")], by_digest, B).a == 1
    nobody = Side("lm", None, None)
    assert preference([vote(nobody, NEW, "a")], Named(None, frozenset()), B).votes == 0


def test_nothing_is_said_of_no_votes():
    found = preference([vote(OLD, NEW, "equal")], A, B)
    assert (found.share, found.low, found.high, found.p, found.votes) == (*[None] * 4, 1)
