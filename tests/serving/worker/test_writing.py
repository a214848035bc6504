"""Text is told as its tokens come, never a byte of a stop string, and in the end all of it."""

import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from stemma.serving.worker.writing import Writer, spelled

WORDS = ["he", "ll", "llo", " w", "or", " wor", "ld", "END", "EN", "ND", "\n\n"]


@functools.cache
def tokenizer() -> Tokenizer:
    """Bytes, some words made of them, and a token that is no text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    form = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = [form.pre_tokenize_str(word)[0][0] for word in WORDS]
    made = Tokenizer(models.WordLevel({one: n for n, one in enumerate([*alphabet, *words])}))
    made.pre_tokenizer, made.decoder = form, decoders.ByteLevel()
    made.add_special_tokens(["<end>"])
    return made


def ids_of(raw: bytes) -> list[int]:
    letters = dict(zip(range(256), _letters(), strict=True))
    return [tokenizer().token_to_id(letters[one]) for one in raw]


@functools.cache
def _letters() -> list[str]:
    """Return the letter that stands for each byte, as GPT-2 has it."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(one) if one in shown else chr(next(hidden)) for one in range(256)]


def cuts(text: str) -> list[list[int]]:
    """Return all ways to make a text of the words and of single bytes."""
    if not text:
        return [[]]
    found = [[*ids_of(text[0].encode()), *rest] for rest in cuts(text[1:])]
    for word in WORDS:
        if text.startswith(word):
            token = tokenizer().token_to_id(word.replace(" ", "Ġ").replace("\n", "Ċ"))
            found += [[token, *rest] for rest in cuts(text[len(word) :])]
    return found


def written(ids: list[int], stop: list[str]) -> tuple[list[str], bool]:
    """Return what is told after each token, and at the end; and whether it was stopped."""
    writer, told = Writer(tokenizer(), stop), []
    for one in ids:
        told.append(writer.add(one))
        if writer.stopped:
            break
    told.append(writer.end())
    return told, writer.stopped


def decoded(ids: list[int]) -> str:
    return tokenizer().decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("text", "stop", "left"),
    [
        ("hello world", [" wor"], "hello"),
        ("hello world", ["world", "lo w"], "hel"),
        ("hello world", ["d"], "hello worl"),
        ("hello world", ["hello"], ""),
        ("hello world", ["word", "worldly"], None),
        ("hellENEND", ["END"], "hellEN"),
        ("a\n\nb", ["\n\n"], "a"),
        ("lllo", ["llo"], "l"),
        ("ENENDND", ["ENDN"], "EN"),
        ("heEéEND", ["éEN"], "heE"),
        ("hello", ["", "l"], "he"),
    ],
)
def test_a_stop_string_in_every_cut(text: str, stop: list[str], left: str | None):
    for ids in cuts(text):
        assert decoded(ids) == text
        told, stopped = written(ids, stop)
        assert stopped == (left is not None)
        assert "".join(told) == (text if left is None else left)


@given(raw=st.binary(max_size=24))
def test_whatever_bytes_come_all_of_their_text_is_told(raw: bytes):
    """Characters of several tokens, and bytes that are no characters."""
    ids = ids_of(raw)
    told, stopped = written(ids, [])
    assert "".join(told) == decoded(ids) and not stopped


@given(text=st.text(max_size=8))
def test_no_half_of_a_character_is_told(text: str):
    told, _ = written(ids_of(text.encode()), [])
    for end in range(len(told)):
        assert text.startswith("".join(told[: end + 1]))


@given(
    text=st.text("abcé€😀", max_size=14),
    stop=st.lists(st.text("abcé€😀", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_what_is_told_ends_where_the_first_stop_begins(text: str, stop: list[str]):
    """The first that is whole ends the text, though another one may have begun before it."""
    told, stopped = written(ids_of(text.encode()), stop)
    ends = [text.find(one) + len(one) for one in stop if one in text]
    assert stopped == bool(ends)
    if not ends:
        assert "".join(told) == text
        return
    begins = min(
        text.find(one) for one in stop if one in text and text.find(one) + len(one) == min(ends)
    )
    assert "".join(told) == text[:begins]
    # Nothing was ever told that had to be taken back.
    assert all(text[:begins].startswith("".join(told[:end])) for end in range(len(told)))


@given(text=st.text("abc", max_size=10), stop=st.text("abc", min_size=2, max_size=3))
def test_no_more_is_held_back_than_may_begin_a_stop(text: str, stop: str):
    writer = Writer(tokenizer(), [stop])
    told = ""
    for one in ids_of(text.encode()):
        told += writer.add(one)
        if writer.stopped:
            return
        assert text.startswith(told)
    held = text[len(told) :]
    assert stop.startswith(held) and len(held) < len(stop)


def test_tokens_that_are_no_text_are_not_told():
    end = tokenizer().token_to_id("<end>")
    ids = [*ids_of("hé".encode()), end, *ids_of(b"!")]
    told, _ = written(ids, [])
    assert "".join(told) == decoded(ids) == "hé!"


def test_a_token_by_itself():
    (first, second) = ids_of("é".encode())
    assert spelled(tokenizer(), first)["bytes"] is None
    assert spelled(tokenizer(), second)["bytes"] is None
    assert spelled(tokenizer(), ids_of(b"h")[0]) == {"token": "h", "bytes": [104]}
    assert spelled(tokenizer(), tokenizer().token_to_id("<end>"))["token"] == "<end>"


def test_texts_side_by_side_do_not_mix():
    texts = ["é€", "😀b", "abc"]
    writers = [Writer(tokenizer(), []) for _ in texts]
    told = ["", "", ""]
    for row in itertools.zip_longest(*[ids_of(one.encode()) for one in texts]):
        for index, token in enumerate(row):
            if token is not None:
                told[index] += writers[index].add(token)
    assert [one + writer.end() for one, writer in zip(told, writers, strict=True)] == texts
