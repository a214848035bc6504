from hypothesis import given
from hypothesis import strategies as st

from stemma.versions.bisection.search import search


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, list[str]], str, set[str], set[str]]:
    """Return parents, the first bad commit, those that cannot be told, and those that are ready."""
    size = draw(st.integers(1, 24))
    parents: dict[str, list[str]] = {}
    for index in range(size):
        older = [str(other) for other in range(index)]
        more = draw(st.lists(st.sampled_from(older), max_size=2)) if older else []
        # Each stands on the one before in some histories, so that the newest reaches all.
        line = older[-1:] if draw(st.booleans()) or index == size - 1 else []
        parents[str(index)] = sorted({*more, *line})
    commits = list(parents)
    dumb, ready = (set(draw(st.lists(st.sampled_from(commits)))) for _ in range(2))
    ordered = dict(reversed(parents.items()))
    first = draw(st.sampled_from([one for one in commits if one in above(commits[-1], parents)]))
    return ordered, first, dumb, ready


def above(commit: str, parents: dict[str, list[str]]) -> set[str]:
    return {commit}.union(*(above(parent, parents) for parent in parents[commit]))


@given(histories())
def test_the_first_bad_one_is_among_what_is_left(case):
    parents, first, dumb, ready = case
    newest = next(iter(parents))
    asked = []

    def is_bad(commit: str) -> bool | None:
        asked.append(commit)
        return None if commit in dumb else first in above(commit, parents)

    left = search(parents, ready, is_bad)
    assert first in left
    assert len(asked) == len(set(asked)), "none is asked for twice"
    if not dumb - {newest}:
        assert left == [first]
    for commit in left[1:]:
        assert commit in dumb or commit == first or first not in above(commit, parents)
    # What is left besides the last known bad one cannot be told, each of them.
    bad = [one for one in left if one == newest or (one not in dumb and one in asked)]
    assert len(bad) == 1 and set(left) - set(bad) <= dumb


def test_a_line_takes_a_logarithm_of_questions():
    parents = {str(one): [str(one - 1)] if one else [] for one in reversed(range(1000))}
    asked = []

    def is_bad(commit: str) -> bool:
        asked.append(commit)
        return int(commit) >= 617

    assert search(parents, (), is_bad) == ["617"]
    assert len(asked) <= 10


def test_those_that_cost_little_are_asked_for_first():
    parents = {str(one): [str(one - 1)] if one else [] for one in reversed(range(20))}
    asked = []

    def is_bad(commit: str) -> bool:
        asked.append(commit)
        return int(commit) >= 7

    assert search(parents, {"3", "8", "15"}, is_bad) == ["7"]
    assert {"3", "8"} <= set(asked[:3])
    assert all(3 < int(commit) < 8 for commit in asked[3:])
