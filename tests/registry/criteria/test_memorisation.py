import shutil
from pathlib import Path

import judged
import numpy as np
import pytest
import tiny
from judged import AFTER, BEFORE, TEXTS, said
from project import once

from stemma.corpus.packing import LabelWriter, read_split
from stemma.corpus.task import IGNORED
from stemma.layout import EXPORTED, PREPARED
from stemma.modeling.evaluation.samples import continue_greedily
from stemma.modeling.weights.load import load_model

SIZES = {"prefix_tokens": BEFORE, "tokens": AFTER}


@pytest.fixture(scope="module")
def learnt(tmp_path_factory) -> Path:
    return once(tmp_path_factory, "learnt", judged.learn)


@pytest.fixture
def fresh(tmp_path) -> Path:
    """A model that has learnt nothing, and many texts."""
    tokenizer = judged.data(tmp_path, tiny.texts(5, 60))
    tiny.make_model(tmp_path / EXPORTED, tokenizer)
    return tmp_path


def test_a_model_that_knows_its_texts_by_heart(learnt):
    outcome = said(learnt, "memorisation", prefixes=50, share=0.3, **SIZES)
    assert not outcome.passed
    assert outcome.facts["repeated"] > 30, outcome.evidence
    assert outcome.facts["places"] == 50
    assert outcome.facts["documents"] == ["train-0", "train-1", "train-2"]
    assert "cannot tell" not in outcome.evidence
    assert TEXTS[0][:20] not in str(outcome)


def test_a_model_that_has_learnt_nothing(fresh):
    outcome = said(fresh, "memorisation", prefixes=100, share=0.05, **SIZES)
    assert outcome.passed, outcome.evidence
    assert "0 of 100 places" in outcome.evidence
    assert outcome.facts["high"] == pytest.approx(0.037, abs=1e-3)


def test_too_few_places_are_no_reason_to_pass(fresh):
    outcome = said(fresh, "memorisation", prefixes=20, share=0.05, **SIZES)
    assert not outcome.passed
    assert "20 places cannot tell, it takes about 73" in outcome.evidence
    assert said(fresh, "memorisation", prefixes=73, share=0.05, **SIZES).passed


def test_it_finds_what_greedy_decoding_writes(learnt):
    """Every place there is, each continued token by token."""
    outcome = said(learnt, "memorisation", prefixes=10**6, share=1, **SIZES)
    model = load_model(learnt / EXPORTED, "AutoModelForCausalLM", "cpu")
    split = read_split(learnt / PREPARED, "train")
    found = places = 0
    for start, end in zip(split.offsets, split.offsets[1:], strict=False):
        for place in range(start + BEFORE, end - AFTER + 1):
            written = continue_greedily(model, split.tokens[place - BEFORE : place], AFTER, -1)
            found += written == split.tokens[place : place + AFTER].tolist()
            places += 1
    assert (outcome.facts["repeated"], outcome.facts["places"]) == (found, places)
    assert 0 < found < places


def test_only_what_is_learned_is_asked(learnt, tmp_path):
    """Of a conversation, the answers: here only the end of the second document is one."""
    root = tmp_path / "labelled"
    shutil.copytree(learnt, root)
    split = read_split(root / PREPARED, "train")
    labels = [np.full(size, IGNORED, np.int32) for size in np.diff(split.offsets)]
    labels[1][-AFTER - 2 :] = 1
    # Too short by itself, and no part of what stands before it.
    labels[2][: AFTER - 1] = 1
    with LabelWriter(root / PREPARED, "train") as writer:
        writer.append(labels)
    outcome = said(root, "memorisation", prefixes=100, share=1, **SIZES)
    assert outcome.facts["places"] == 3
    assert outcome.facts["documents"] == ["train-1"]
    assert outcome.evidence.endswith("; there are no more")
    assert outcome.facts["repeated"] > 0


def test_texts_that_are_too_short(learnt):
    outcome = said(learnt, "memorisation", prefixes=9, prefix_tokens=1, tokens=10**4, share=1)
    assert not outcome.passed and "the model sees 32" in outcome.evidence


def test_no_text_is_long_enough(tmp_path):
    texts = [" ".join(text.split()[:3]) for text in tiny.texts(5, 60)]
    tiny.make_model(tmp_path / EXPORTED, judged.data(tmp_path, texts))
    outcome = said(tmp_path, "memorisation", prefixes=9, prefix_tokens=16, tokens=16, share=1)
    assert not outcome.passed
    assert "no document of the training split has 16 tokens and 16 after them" in outcome.evidence


def test_a_model_that_does_not_go_on_with_a_text(tmp_path):
    judged.untrained(tmp_path, "BertForMaskedLM")
    outcome = said(tmp_path, "memorisation", prefixes=9, share=0.1, **SIZES)
    assert outcome.passed
    assert "does not apply to BertForMaskedLM" in outcome.evidence


def test_a_model_whose_scores_are_no_numbers(fresh):
    model = load_model(fresh / EXPORTED, "AutoModelForCausalLM", "cpu")
    model.transformer.ln_f.weight.data[:] = float("nan")
    model.save_pretrained(fresh / EXPORTED)
    outcome = said(fresh, "memorisation", prefixes=9, share=1, **SIZES)
    assert not outcome.passed
    assert "no finite score" in outcome.evidence


def test_without_training_data(fresh):
    shutil.rmtree(fresh / PREPARED)
    outcome = said(fresh, "memorisation", prefixes=9, share=0.1, **SIZES)
    assert not outcome.passed
    assert "has no training tokens" in outcome.evidence
