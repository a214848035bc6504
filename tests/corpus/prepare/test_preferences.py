"""Preferences in prepare: they train, move nothing else, and never hold what is tested."""

import json
from pathlib import Path

import numpy as np
import preparing
import pytest
from tokenizers import Tokenizer

from stemma.corpus.documents import Document, Part
from stemma.corpus.packing import read_labels, read_split
from stemma.corpus.preferences import CHOSEN, DESIRABLE, KINDS, REJECTED, UNDESIRABLE, role_of
from stemma.corpus.revoked import Revocation, Revoked
from stemma.corpus.task import IGNORED
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError


def sentence(seed: int, words: int = 30) -> str:
    random = np.random.default_rng(seed)
    return " ".join(f"{chr(97 + n % 26)}word{n}" for n in random.integers(0, 5000, words))


def texts(count: int = 60) -> list[Document]:
    return [Document(f"t{n}", sentence(n), "texts", "CC0-1.0") for n in range(count)]


def judged(name: str, prompt: str, *completions: tuple[int, str], chat: bool = False) -> Document:
    role = "preference.user" if chat else "preference.prompt"
    parts = (Part(role, prompt), *(Part(role_of(kind), text) for kind, text in completions))
    text = "\n\n".join(part.text for part in parts)
    return Document(name, text, "feedback", "CC0-1.0", parts=parts)


def preferences() -> list[Document]:
    return [
        judged("pair", sentence(900), (CHOSEN, sentence(901)), (REJECTED, sentence(902))),
        judged("up", sentence(903), (DESIRABLE, sentence(904))),
        judged("down", sentence(905), (UNDESIRABLE, sentence(906))),
    ]


def arrays(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    other = ("preferences", "manifest", "data_")
    kept = [path for path in files if not path.name.startswith(other)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def test_they_stand_in_train_and_move_no_other_document(tmp_path: Path) -> None:
    settings = preparing.load()
    without = preparing.prepared(tmp_path, texts(), settings, name="without")
    with_them = preparing.prepared(tmp_path, preferences() + texts(), settings, name="with")
    assert arrays(with_them) == arrays(without)
    assert not list(without.glob("preferences*"))
    rows = {row["id"]: row for row in preparing.rows_of(with_them)}
    assert all(row["split"] == "train" for name, row in rows.items() if name[0] in "pud")
    others = [row for name, row in rows.items() if name.startswith("t")]
    assert others == preparing.rows_of(without)


def test_their_tokens_say_what_is_judged(tmp_path: Path) -> None:
    folder = preparing.prepared(tmp_path, preferences() + texts(), preparing.load())
    split, labels = read_split(folder, "preferences"), read_labels(folder, "preferences")
    kinds = [KINDS[kind] for kind in np.load(folder / "preferences.kinds.npy")]
    assert kinds == ["chosen", "rejected", "desirable", "undesirable"]
    assert json.loads((folder / "preferences.json").read_text()) == ["pair", "up", "down"]
    encoder = Encoder(folder / "tokenizer")
    first = slice(*split.offsets[:2])
    learned = labels[first] != IGNORED
    ids = split.tokens[first]
    assert ids[0] == encoder.end_of_text
    expected = [encoder.encode_batch([sentence(number)])[0].tolist() for number in (900, 901)]
    assert ids[~learned].tolist()[1:] == expected[0]
    assert ids[learned].tolist() == labels[first][learned].tolist() == expected[1]


def test_a_thumb_alike_to_a_document_drops_neither(tmp_path: Path) -> None:
    halves = sentence(1)[:100], sentence(1)[100:]
    twin = Document("twin", "\n\n".join(halves), "texts", "CC0-1.0")
    thumb = judged("up", halves[0], (DESIRABLE, halves[1]))
    docs = [d for d in texts() if d.id != "t1"]
    settings = preparing.load()
    rows = preparing.rows_of(preparing.prepared(tmp_path, [*docs, twin, thumb], settings))
    fates = {row["id"]: row for row in rows}
    assert fates["twin"]["reason"] is None
    held_out = fates["twin"]["split"] != "train"
    assert (fates["up"]["reason"] == "contaminated") == held_out


def test_the_same_thumb_twice_is_one_and_up_and_down_are_two(tmp_path: Path) -> None:
    says = sentence(903), sentence(904)
    thumbs = [
        judged(name, says[0], (kind, says[1]))
        for name, kind in [("a", DESIRABLE), ("b", DESIRABLE), ("c", UNDESIRABLE)]
    ]
    rows = preparing.rows_of(preparing.prepared(tmp_path, thumbs + texts(), preparing.load()))
    kept = {row["id"]: row["reason"] for row in rows if row["source"] == "feedback"}
    assert sorted(map(str, kept.values())) == ["None", "None", "duplicates.exact"]
    assert kept["c"] is None


@pytest.mark.parametrize("whole", [True, False])
def test_a_prompt_that_is_tested_is_contamination(tmp_path: Path, whole: bool) -> None:
    settings = preparing.load()
    plain = preparing.prepared(tmp_path, texts(), settings, name="plain")
    tested = next(row["id"] for row in preparing.rows_of(plain) if row["split"] == "test")
    known = sentence(int(tested[1:]))
    prompt = known if whole else " ".join(known.split()[3:24])
    asked = judged("asked", prompt, (CHOSEN, sentence(901)), (REJECTED, sentence(902)))
    folder = preparing.prepared(tmp_path, [asked, *texts()], settings)
    rows = {row["id"]: row for row in preparing.rows_of(folder)}
    assert rows["asked"]["reason"] == "contaminated"
    assert rows[tested]["split"] == "test"
    assert not list(folder.glob("preferences*"))


def test_they_are_masked_and_can_be_revoked(tmp_path: Path) -> None:
    told = judged(
        "told",
        "Write to someone@example.org about it now please, will you?",
        (CHOSEN, sentence(7001)),
        (REJECTED, "ask other@example.org, " + sentence(7002)),
    )
    folder = preparing.prepared(tmp_path, [told, *texts()], preparing.load(), name="told")
    split = read_split(folder, "preferences")
    reads = Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json"))
    text = reads.decode(split.tokens.tolist())
    assert "example.org" not in text
    revoked = Revoked.of([Revocation("told", "0" * 64, "they asked")])
    again = preparing.prepared(tmp_path, [told, *texts()], preparing.load(), None, "gone", revoked)
    assert preparing.rows_of(again)[0]["reason"] == "revoked: they asked"


def test_a_conversation_labels_the_last_answer_alone(tmp_path: Path) -> None:
    dialogues = [
        Document(
            f"d{n}",
            f"{sentence(n, 8)}\n\n{sentence(500 + n, 8)}",
            "texts",
            "CC0-1.0",
            parts=(Part("user", sentence(n, 8)), Part("assistant", sentence(500 + n, 8))),
        )
        for n in range(60)
    ]
    parts = (
        Part("preference.user", sentence(800, 2)),
        Part("preference.assistant", sentence(801, 2)),
        Part("preference.user", sentence(802, 2)),
        Part(role_of(DESIRABLE), "yes and no"),
    )
    asked = Document("asked", "\n\n".join(p.text for p in parts), "f", "CC0-1.0", parts=parts)
    special = {"special_tokens": ["<|im_start|>", "<|im_end|>"]}
    settings = preparing.load(task="chat", tokenizer=special)
    folder = preparing.prepared(tmp_path, [asked, *dialogues], settings)
    split, labels = read_split(folder, "preferences"), read_labels(folder, "preferences")
    reads = Tokenizer.from_file(str(folder / "tokenizer/tokenizer.json"))
    said = reads.decode(split.tokens[labels != IGNORED].tolist(), skip_special_tokens=True)
    assert said.strip() == "yes and no"
    short = {row["id"]: row for row in preparing.rows_of(folder)}
    tested = next(name for name, row in short.items() if row["split"] == "test")
    again = judged("again", sentence(int(tested[1:]), 8), (DESIRABLE, "yes and no"), chat=True)
    rows = preparing.rows_of(
        preparing.prepared(tmp_path, [again, *dialogues], settings, name="again")
    )
    assert rows[0]["reason"] == "contaminated"


def test_a_task_that_does_not_learn_from_them_says_so(tmp_path: Path) -> None:
    settings = preparing.load(task="masked_lm")
    with pytest.raises(DataError, match="task=masked_lm does not learn"):
        preparing.prepared(tmp_path, preferences() + texts(), settings)


def test_documents_that_count_several_times_are_never_preferences(tmp_path: Path):
    given = [*preferences(), *texts()]
    upsample = {"ids": ["t1*", "up"], "times": 3}
    plain = preparing.prepared(tmp_path, given, preparing.load(), name="plain")
    more = preparing.prepared(tmp_path, given, preparing.load(upsample=upsample), name="more")
    before, after = (read_split(folder, "train") for folder in (plain, more))
    assert (after.tokens[: len(before.tokens)] == before.tokens).all()
    chosen = [
        row["id"] for row in preparing.rows_of(plain)
        if row["split"] == "train" and row["id"].startswith("t1")
    ]  # fmt: skip
    assert len(after.offsets) - len(before.offsets) == 2 * len(chosen)
    for name in ("tokens", "kinds"):
        file = f"preferences.{name}.npy"
        assert (plain / file).read_bytes() == (more / file).read_bytes()
