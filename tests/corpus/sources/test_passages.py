import pytest

from stemma.corpus.sources.passages import passages

SCENE = """_Enter TIMON and a Poet,
running_

**FIRST  LORD**
_\\[Aside]_ Good-morrow, 'tis Timon's\\--

**TIMON**
Gold? _Exit_"""
WORDS = """\
enter B-DIRECTION
timon I-DIRECTION
and I-DIRECTION
a I-DIRECTION
poet I-DIRECTION
running I-DIRECTION
first B-SPEAKER
lord I-SPEAKER
aside B-DIRECTION
good-morrow O
tis O
timon's O
timon B-SPEAKER
gold O
exit B-DIRECTION""".splitlines()


def shown(size):
    return [[f"{word.text} {word.role}" for word in one] for one in passages(SCENE, size)]


def test_the_layout_becomes_tags():
    assert shown(99) == [WORDS]


@pytest.mark.parametrize("size", [1, 4, 7])
def test_what_a_cut_parts_begins_anew(size):
    found = shown(size)
    assert {len(one) for one in found[:-1]} == {size}
    assert [word for one in found for word in one] == [
        word.replace(" I-", " B-") if place % size == 0 else word
        for place, word in enumerate(WORDS)
    ]


def test_a_scene_without_words_has_no_passage():
    assert shown(4) and list(passages("\n**  **\n", 4)) == []
