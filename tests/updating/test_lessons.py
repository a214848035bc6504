"""What a request teaches."""

import dataclasses

import pytest
from recorded import FINISHED

from stemma.monitoring.feedback import Feedback
from stemma.monitoring.records import record_of
from stemma.updating.lessons import answer_of, ids_of, lessons
from stemma.updating.records import Kept
from stemma.updating.settings import Take

ALL = Take(corrections=True, prompts=True, liked=True, preferences=True)
NONE = Take(corrections=False, prompts=False, liked=False, preferences=False)
DIALOGUE = [{"role": "user", "content": "Is it you, Horatio?"}]
RECORD = record_of(FINISHED, b"salt")


def kept(prompt="To be, or ", answer="not to be", said=None) -> Kept:
    feedback = Feedback("chatcmpl-0", 0.0, **said) if said else None
    return Kept(RECORD, [prompt], [answer], feedback)


@pytest.mark.parametrize(
    ("said", "chat", "kinds"),
    [
        (None, False, ["prompt"]),
        (None, True, None),
        ({"thumb": "up"}, False, ["liked", "thumb"]),
        ({"thumb": "up"}, True, ["liked", "thumb"]),
        ({"thumb": "down"}, False, ["prompt", "thumb"]),
        ({"thumb": "down"}, True, ["thumb"]),
        ({"correction": "not to be, that is"}, False, ["correction", "pair"]),
        ({"correction": "A piece of him."}, True, ["correction", "pair"]),
        ({"comment": "hm"}, True, None),
    ],
)
def test_what_is_taken(said, chat, kinds):
    found = lessons(kept(DIALOGUE if chat else "To be, or ", said=said), ALL, chat)
    assert isinstance(found, str) if kinds is None else [one.kind for one in found] == kinds


def test_each_kind_is_taken_only_if_the_rules_say_so():
    for name in ("corrections", "prompts", "liked"):
        found = lessons(
            kept(said={"thumb": "up", "correction": "that is"}),
            dataclasses.replace(NONE, **{name: True}), chat=False,
        )  # fmt: skip
        assert [one.kind for one in found] == [name.removesuffix("s")]
    assert isinstance(lessons(kept(), NONE, chat=False), str)


def test_a_correction_goes_on_with_the_prompt():
    (one,) = lessons(
        kept(said={"correction": "that is"}), dataclasses.replace(NONE, corrections=True), False
    )
    assert one.row["text"] == "To be, or that is" and one.file == "human-texts"
    assert one.row["version"] == "lm@v1.0.0" and one.row["time"] == "2027-01-15"
    (chat,) = lessons(
        kept(DIALOGUE, said={"correction": "A piece of him."}),
        dataclasses.replace(NONE, corrections=True), True,
    )  # fmt: skip
    assert chat.row["messages"] == [*DIALOGUE, {"role": "assistant", "content": "A piece of him."}]


def test_what_a_model_wrote_stands_in_files_of_its_own():
    found = lessons(kept(said={"thumb": "up"}), ALL, chat=False)
    assert [one.file for one in found] == ["model-texts", "preferences"]
    assert found[1].row["completion"] == "not to be" and found[1].row["label"] is True


def test_preferences_are_as_trl_names_them():
    *_, pair = lessons(kept(said={"correction": "that is"}), ALL, chat=False)
    assert {name: pair.row[name] for name in ("prompt", "chosen", "rejected")} == {
        "prompt": "To be, or ", "chosen": "that is", "rejected": "not to be",
    }  # fmt: skip
    # A correction that says the same corrects nothing.
    (only,) = lessons(kept(said={"correction": "not to be"}), ALL, chat=False)
    assert only.kind == "correction"


def test_without_consent_or_of_another_form_nothing_is_taken():
    assert "not agreed" in lessons(dataclasses.replace(kept(), prompts=[], answers=[]), ALL, False)
    assert "several" in lessons(dataclasses.replace(kept(), prompts=["a", "b"]), ALL, False)
    assert "conversation" in lessons(kept(DIALOGUE), ALL, chat=False)
    assert "text" in lessons(kept(), ALL, chat=True)


def test_ids_lead_back_to_the_answer():
    found = lessons(kept(said={"correction": "that is"}), ALL, chat=False)
    assert len({one.id for one in found}) == 2
    assert {one.id for one in found} <= {*ids_of("chatcmpl-0")}
    assert {answer_of(one.id) for one in found} == {"chatcmpl-0"}
