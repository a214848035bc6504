import collections

import pytest

from stemma.corpus.sources import parts
from stemma.errors import SourceError


@pytest.fixture(scope="module")
def documents():
    """Every dialogue of the real wheel."""
    import yaml
    from project import ROOT

    from stemma.config import build
    from stemma.stages.ingest import IngestSettings

    raw = yaml.safe_load((ROOT / "conf/source/chatterbot.yaml").read_text())
    settings = build(IngestSettings, {"source": raw}, "params.yaml").source
    ((part, found),) = [(part, list(part.documents)) for part in parts(settings)]
    assert part.license == "BSD-3-Clause"
    return found


def test_every_dialogue_ends_with_the_assistant(documents):
    for document in documents:
        roles = [part.role for part in document.parts]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert roles
        assert all(part.text and part.text == part.text.strip() for part in document.parts)
        assert document.text == "\n\n".join(part.text for part in document.parts)


def test_ids_are_unique_and_no_dialogue_is_lost(documents):
    ids = [document.id for document in documents]
    assert len(ids) == len(set(ids))
    topics = collections.Counter(name.split("/")[0] for name in ids)
    assert len(topics) == 21
    assert topics["trivia"] == 261
    assert topics["tech_support"] == 1050


def test_answers_to_one_question_are_a_group(documents):
    arrogant = [one for one in documents if one.group == "you are arrogant"]
    assert [one.id.split("/")[0] for one in arrogant] == ["emotion"] * 4
    assert {len(one.parts) for one in arrogant} == {2}
    sentient = [one for one in documents if one.group == "are you sentient?"]
    assert len({one.parts[1].text for one in sentient}) >= 3


def test_a_slip_of_the_file_is_mended(documents):
    bingo = next(one for one in documents if one.text.startswith("In a game of bingo"))
    assert [part.text for part in bingo.parts] == [
        'In a game of bingo, which number is represented by the phrase "two little ducks"?',
        "22",
    ]


def test_a_wheel_of_another_sha256_is_refused(source):
    with pytest.raises(SourceError, match=r"has sha256 86de5300\w+, not 0{64}"):
        next(parts(source("chatterbot", sha256="0" * 64)))
