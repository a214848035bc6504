"""What is kept of a vote, and of which."""

from pathlib import Path

import pytest

from stemma.errors import SettingsError
from stemma.serving.votes import Ballot, taker, voter_of
from stemma.store.votes import Side, read

SIDES = [Side("lm@v1.2.0", "b" * 40, "2" * 64), Side("lm@v1.1.0", "a" * 40, "1" * 64)]


def ballot(**changed: object) -> Ballot:
    asked = {"a": "lm@v1.1.0", "b": "lm@v1.2.0", "choice": "a", "blind": True, "prompt": "To be"}
    return Ballot.model_validate(asked | changed)


def test_a_vote_names_bytes_and_no_text(tmp_path: Path):
    path = tmp_path / "votes.jsonl"
    vote = taker(path, lambda: SIDES)(ballot(), "sk-secret")
    assert read(path).votes == (vote,)
    assert (vote.a, vote.b) == (SIDES[1], SIDES[0])
    content = path.read_text()
    assert "To be" not in content and "secret" not in content
    assert vote.voter == voter_of("sk-secret") and voter_of(None) is None


def test_what_is_served_is_asked_at_each_vote(tmp_path: Path):
    path, sides = tmp_path / "votes.jsonl", list(SIDES)
    take = taker(path, lambda: sides)
    take(ballot(), None)
    sides.pop()
    with pytest.raises(SettingsError, match=r"'lm@v1\.1\.0' is not served"):
        take(ballot(), None)
    with pytest.raises(SettingsError, match="both sides"):
        take(ballot(a="lm@v1.2.0"), None)
    assert len(read(path).votes) == 1
