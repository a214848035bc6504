import json
from pathlib import Path

import judged
import pytest
from judged import TALK, TEXTS, said
from project import once

from stemma.errors import SettingsError
from stemma.files import sha256_of


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> Path:
    return once(tmp_path_factory, "learnt", judged.learn)


def examples(folder: Path, *rows: object) -> str:
    file = folder / "must.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(file)


def row(number: int, expect: str = "") -> dict[str, str]:
    words = TEXTS[number].split()
    return {"prompt": " ".join(words[:3]), "expect": expect or f"^ {' '.join(words[3:5])}"}


ASKED = [{"role": part.role, "content": part.text} for part in TALK[:-1]]


def test_all_examples_pass(learnt, tmp_path):
    talk = {"messages": ASKED, "expect": f"^{TALK[-1].text}$"}
    outcome = said(learnt, "must_pass", file=examples(tmp_path, row(0), row(1), talk), tokens=11)
    assert outcome.passed, outcome.evidence
    assert outcome.evidence.startswith("3 of 3 examples of ")
    listed = {"sha256": sha256_of(tmp_path / "must.jsonl")}
    assert outcome.facts == {"examples": 3, "passed": 3, "failed": [], **listed}


def test_the_first_that_fails_is_named(learnt, tmp_path):
    file = examples(tmp_path, row(0), row(1, "a ghost"), row(2, "two ghosts"))
    outcome = said(learnt, "must_pass", file=file, tokens=8)
    assert not outcome.passed
    assert "1 of 3" in outcome.evidence and "'a ghost' is asked" in outcome.evidence
    assert "line 2" in outcome.evidence
    assert outcome.facts["failed"] == [2, 3]


def test_the_prompt_itself_is_no_answer(learnt, tmp_path):
    begin = {"prompt": "speak of", "expect": "^speak of"}
    assert not said(learnt, "must_pass", file=examples(tmp_path, begin), tokens=4).passed


def test_the_evidence_shows_line_ends(learnt, tmp_path):
    begin = {"prompt": "speak\nof", "expect": "a\nghost"}
    outcome = said(learnt, "must_pass", file=examples(tmp_path, begin), tokens=4)
    assert r"line 1, 'speak\nof', is answered" in outcome.evidence
    assert "\n" not in outcome.evidence


def test_no_more_tokens_than_are_allowed(learnt, tmp_path):
    last = TEXTS[0].split()[5]
    long = {**row(0), "expect": rf"^( \S+){{2}} {last}"}
    file = examples(tmp_path, long)
    assert said(learnt, "must_pass", file=file, tokens=8).passed
    assert not said(learnt, "must_pass", file=file, tokens=1).passed


@pytest.mark.parametrize(("label", "passes"), [("night", True), ("love", False), ("?", False)])
def test_a_classifier(tmp_path, label, passes):
    def lean(model):
        model.classifier.bias.data[1] = 100.0

    names = {"id2label": {0: "love", 1: "night"}, "label2id": {"love": 0, "night": 1}}
    model = judged.untrained(tmp_path, "BertForSequenceClassification", **names)
    lean(model)
    model.save_pretrained(tmp_path / "models/exported")
    file = examples(tmp_path, {"text": "the king", "label": label})
    outcome = said(tmp_path, "must_pass", file=file, tokens=1)
    assert outcome.passed == passes
    assert passes or f"'the king', is answered 'night', and '{label}' is asked" in outcome.evidence


def test_a_model_that_reads_one_text_and_writes_another(tmp_path):
    import torch

    from stemma.corpus.tokenizer.encoder import Encoder

    model = judged.untrained(tmp_path, "T5ForConditionalGeneration")
    encoder = Encoder(tmp_path / "models/exported")
    source, target = (
        torch.tensor([[*encoder.encode_batch([text])[0].tolist(), encoder.end_of_text]])
        for text in ("the king", "and the queen")
    )
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        model(input_ids=source, labels=target).loss.backward()
        optimizer.step()
    model.save_pretrained(tmp_path / "models/exported")
    good = {"prompt": "the king", "expect": "^and the queen$"}
    outcome = said(tmp_path, "must_pass", file=examples(tmp_path, good), tokens=20)
    assert outcome.passed, outcome.evidence
    bad = {"prompt": "the king", "expect": "sorrow"}
    assert not said(tmp_path, "must_pass", file=examples(tmp_path, bad), tokens=20).passed


def test_a_model_that_can_answer_no_such_example(learnt, tmp_path):
    file = examples(tmp_path, {"text": "the king", "label": "love"})
    outcome = said(learnt, "must_pass", file=file, tokens=4)
    assert not outcome.passed
    assert (
        "line 1 has 'text', and LlamaForCausalLM takes 'prompt' or 'messages'" in outcome.evidence
    )


def test_more_than_the_model_sees(learnt, tmp_path):
    outcome = said(learnt, "must_pass", file=examples(tmp_path, row(0)), tokens=100)
    assert not outcome.passed
    assert "the model sees 32" in outcome.evidence


@pytest.mark.parametrize(
    ("line", "said_of_it"),
    [
        ("{", "is no JSON object"),
        ("[]", "is no JSON object"),
        ("{}", "none of 'prompt', 'messages' and 'text'"),
        ('{"prompt": "a"}', "must have 'prompt' and 'expect'"),
        ('{"prompt": "a", "expect": "b", "more": 1}', "nothing else"),
        ('{"messages": [], "expect": "b"}', "must have 'messages'"),
        ('{"messages": [{"role": "user"}], "expect": "b"}', "must have 'messages'"),
        ('{"prompt": "a", "expect": "("}', "is no regular expression"),
        ('{"text": "a", "label": 1}', "both texts"),
    ],
)
def test_a_line_that_is_no_example(learnt, tmp_path, line, said_of_it):
    file = tmp_path / "must.jsonl"
    file.write_text(f'{{"prompt": "a\u2028b", "expect": ""}}\n\n{line}\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=said_of_it) as raised:
        said(learnt, "must_pass", file=str(file), tokens=4)
    assert "line 3" in str(raised.value)


def test_without_a_file_or_an_example(learnt, tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        said(learnt, "must_pass", file="nowhere.jsonl", tokens=4)
    with pytest.raises(SettingsError, match="holds no example"):
        said(learnt, "must_pass", file=examples(tmp_path), tokens=4)
