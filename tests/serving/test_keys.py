"""Keys: only their hashes are kept, a file that is torn is refused, and each has its rate."""

import hashlib
import hmac
from pathlib import Path

import pytest

from stemma.errors import StemmaError
from stemma.serving import keys
from stemma.serving.keys import Doorkeeper, Key


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


def test_a_key_that_is_made_opens_and_stands_nowhere(tmp_path: Path):
    path = tmp_path / "deep" / "keys.yaml"
    made = keys.make(path, "ada", 60)
    assert made.startswith("sk-stemma-") and len(made) > 50
    content = path.read_text(encoding="utf-8")
    assert made not in content and hashlib.sha256(made.encode()).hexdigest() in content
    (read,) = keys.read(path)
    assert (read.name, read.per_minute) == ("ada", 60)
    assert Doorkeeper([read]).who(made) == read
    assert keys.make(path, "bob", None) != made
    assert [one.name for one in keys.read(path)] == ["ada", "bob"]


def test_a_name_that_is_taken(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    keys.make(path, "ada", None)
    before = path.read_bytes()
    with pytest.raises(StemmaError, match="has a key of ada already"):
        keys.make(path, "ada", None)
    assert path.read_bytes() == before


def test_a_key_that_is_revoked_opens_no_more(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    ada, bob = keys.make(path, "ada", None), keys.make(path, "bob", None)
    keys.revoke(path, "ada")
    keeper = Doorkeeper(keys.read(path))
    assert keeper.who(ada) is None and keeper.who(bob)
    with pytest.raises(StemmaError, match="has no key of ada"):
        keys.revoke(path, "ada")
    keys.revoke(path, "bob")
    with pytest.raises(StemmaError, match="has no key"):
        keys.read(path)
    assert keys.make(path, "cleo", None)  # a file without keys takes one


DIGEST = "a" * 64
TORN = {
    "no YAML": "ada: {sha256: [",
    "a list": "- ada",
    "a word": "ada",
    "no digest": "ada: {per_minute: 3}",
    "no rate": f"ada: {{sha256: {DIGEST}}}",
    "half a digest": "ada: {sha256: aaaa, per_minute: 3}",
    "a digest that is a number": "ada: {sha256: 12, per_minute: 3}",
    "a rate in words": f"ada: {{sha256: {DIGEST}, per_minute: ten}}",
    "a rate of none": f"ada: {{sha256: {DIGEST}, per_minute: 0}}",
    "a rate that is a truth": f"ada: {{sha256: {DIGEST}, per_minute: true}}",
    "nothing of a key": "ada:",
}


@pytest.mark.parametrize("content", TORN.values(), ids=TORN)
def test_a_file_that_is_torn(tmp_path: Path, content: str):
    path = tmp_path / "keys.yaml"
    path.write_text(content, encoding="utf-8")
    for ask in (keys.read, lambda path: keys.make(path, "bob", None)):
        with pytest.raises(StemmaError, match=r"keys\.yaml cannot be read") as caught:
            ask(path)
        assert "\n" not in str(caught.value)
    assert path.read_text(encoding="utf-8") == content


def test_a_file_that_is_not_there_or_has_other_bytes(tmp_path: Path):
    with pytest.raises(StemmaError, match="there is no"):
        keys.read(tmp_path / "keys.yaml")
    (tmp_path / "keys.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StemmaError, match="cannot be read"):
        keys.read(tmp_path / "keys.yaml")
    with pytest.raises(StemmaError, match="cannot be read"):
        keys.read(tmp_path)


@pytest.mark.parametrize("asked", [0, 1, 2, None])
def test_all_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch, asked: int | None):
    """Whosever key it is, or nobody's, as many comparisons are made, none of which ends early."""
    words = ["first", "second", "third"]
    keeper = Doorkeeper([Key(one, hashlib.sha256(one.encode()).hexdigest(), None) for one in words])
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    found = keeper.who("nobody's" if asked is None else words[asked])
    assert (found and found.name) == (None if asked is None else words[asked])
    assert len(compared) == 3


@pytest.mark.parametrize("word", ["", " ", "first ", "First", "\ud800", "é" * 1000])
def test_what_is_no_key(word: str):
    assert Doorkeeper([Key("a", hashlib.sha256(b"first").hexdigest(), None)]).who(word) is None


def test_a_rate_is_kept_and_told(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    slow, fast, free = Key("slow", DIGEST, 6), Key("fast", DIGEST, 600), Key("free", DIGEST, None)
    keeper = Doorkeeper([slow, fast, free])
    assert [keeper.wait(slow) for _ in range(6)] == [0.0] * 6
    assert keeper.wait(slow) == pytest.approx(10)
    assert keeper.wait(fast) == 0.0  # each has a rate of its own
    assert all(keeper.wait(free) == 0.0 for _ in range(1000))
    clock.now += 4
    assert keeper.wait(slow) == pytest.approx(6)  # what was refused does not count
    clock.now += 6.001
    assert keeper.wait(slow) == 0.0
    assert keeper.wait(slow) > 9
    clock.now += 3600  # what was not used is not saved up beyond a minute's
    assert [keeper.wait(slow) for _ in range(7)].count(0.0) == 6
