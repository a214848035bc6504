"""What is recorded of a text tells much about it, and not what it says."""

import pytest
from recorded import over

from stemma.corpus import features
from stemma.monitoring.records import record_of


def test_lengths_and_shares():
    found = features.of(["Où est-elle? 42\n\n", "Hier"])
    assert (found.characters, found.words, found.lines) == (21, 4, 2)
    assert found.non_ascii == pytest.approx(1 / 13, abs=1e-6)  # of Où est elle Hier
    assert found.digits == pytest.approx(2 / 22, abs=1e-6)  # a line break stands between the texts
    assert found.language is None, "of so few letters it would be a guess"


@pytest.mark.parametrize(("text", "share"), [("a b c", 0), ("a b c " * 4, 0.7), ("", 0)])
def test_repetition(text: str, share: float):
    assert features.of([text]).repeated == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "language"),
    [("The ghost of the king walks upon the walls.", "en"),
     ("Der Geist des alten Königs geht auf den Mauern um.", "de")],
)  # fmt: skip
def test_language(text: str, language: str):
    assert features.of([text]).language == language


@pytest.mark.parametrize(
    ("answer", "is_one"),
    [("I'm sorry, but I can't help with that.", True), ("I\u2019m unable to say.", True),
     ("As an AI, I have no opinion.", True), ("Good question. I cannot answer it.", True),
     ("She said that I can't sing.", False), ("Sorry is a board game.", False),
     ("", False), ("x" * 300 + ". I cannot", False)],
)  # fmt: skip
def test_refusals(answer: str, is_one: bool):
    assert features.refuses(answer) == is_one


def test_a_long_text_takes_no_longer():
    found = features.of(["word " * 800_000])
    assert found.characters == 4_000_000 and found.words == 800_000


def test_a_record_has_no_text_and_no_name():
    one = over(texts=("I cannot say, Horatio.", " ", "cut"), answers=3, who="user lovelace",
               finishes=("stop", "stop", "length"), key="lovelace")  # fmt: skip
    record = record_of(one, b"salt")
    assert (record.empty, record.truncated, record.refusals) == (1, 1, 1)
    assert "Horatio" not in str(record) and "lovelace" not in str(record)
    assert record.who == record_of(one, b"salt").who != record_of(one, b"other").who
    assert record_of(over(prompts=[[1, 2, 3]]), b"").prompt is None, "tokens are no text"
    assert record_of(over(failure="timeout", texts=("",)), b"").empty == 0
