"""Pairs from real text: the speech that follows a speech. What stands there cannot be known from
the source, so a model learns the manner of an answer and hardly its words: BLEU stays near zero.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny
from measured import metrics_of

from stemma.corpus.documents import Part
from stemma.corpus.task import IGNORED, Encoded, Example
from stemma.corpus.tokenizer.encoder import Encoder
from stemma.errors import DataError, ModelError
from stemma.files import read_json, sha256_of
from stemma.layout import METRICS, PREPARED, REPORTS, TRAINED
from stemma.modeling.evaluation.intervals import example_metrics
from stemma.modeling.metrics.text_overlap import OVERLAP, rouge_l
from stemma.tasks.seq2seq import Settings
from stemma.tasks.seq2seq.encoding import Encoding
from stemma.versions.contents.metrics import metric_values


@pytest.fixture
def encoder(tmp_path) -> Encoder:
    tiny.make_data(tmp_path, {"train": tiny.texts(0, 60)})
    return Encoder(tmp_path / "tokenizer")


def encode(encoder: Encoder, *parts: Part, most=100, rule="refuse") -> Encoded | str:
    settings = Settings(name="seq2seq", max_tokens=most, too_long=rule)
    (made,) = Encoding(settings).encode([Example("pair", "", "", parts)], encoder, [])
    return made


PAIR = (Part("source", "the king and the queen"), Part("target", "speak of love"))


def test_the_target_is_learned_and_the_source_is_read(encoder):
    made = encode(encoder, *PAIR)
    source, target = encoder.encode_batch([part.text for part in PAIR])
    end = encoder.end_of_text
    assert made.ids.tolist() == [*source, end, *target, end]
    assert made.labels.tolist() == [IGNORED] * (len(source) + 1) + [*target, end]


def test_the_spaces_around_a_text_are_the_authors(encoder):
    code = (Part("source", "  king\n"), Part("target", "    speak\n        love\n"))
    made = encode(encoder, *code)
    source, target = encoder.encode_batch([part.text for part in code])
    end = encoder.end_of_text
    assert made.ids.tolist() == [*source, end, *target, end]


def test_a_conversation_is_its_last_answer_and_what_was_said_before(encoder):
    turns = (Part("user", "king"), Part("assistant", "queen"), Part("user", "love"))
    talk = encode(encoder, *turns, Part("assistant", "night"))
    pair = encode(encoder, Part("source", "king\nqueen\nlove"), Part("target", "night"))
    assert talk.ids.tolist() == pair.ids.tolist()
    assert talk.labels.tolist() == pair.labels.tolist()


def test_a_side_that_is_too_long(encoder):
    whole = encode(encoder, *PAIR)
    target = (whole.labels != IGNORED).sum()
    cut = encode(encoder, *PAIR, most=target - 1, rule="truncate")
    assert cut.truncated
    assert (cut.labels != IGNORED).sum() == target - 1
    assert encode(encoder, *PAIR, most=target - 1, rule="drop") == "task.max_tokens"
    with pytest.raises(DataError, match=r"'pair' has \d+ tokens, task\.max_tokens is 2"):
        encode(encoder, *PAIR, most=2)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "document 'pair' is no pair"),
        ([Part("assistant", "king")], "document 'pair' is no pair"),
        ([Part("O", "king"), Part("B-PER", "Lear")], "document 'pair' is no pair"),
        ([Part("source", "king"), Part("target", " ")], "the target of document 'pair' is empty"),
    ],
)
def test_what_is_no_pair(encoder, parts, said):
    with pytest.raises(DataError, match=said) as error:
        encode(encoder, *parts)
    assert error.value.hint


def test_the_metrics_of_overlap_are_those_of_the_reference():
    from sacrebleu import corpus_bleu, corpus_chrf

    written = 2 * ["the cat sat on the mat", "I am well, thank you", "quite another thing"]
    wanted = 2 * ["the cat sat upon the mat", "I am well, thank you", "nothing of the sort"]
    found = example_metrics({"written": written, "wanted": wanted}, [OVERLAP], 100, 1)
    assert found["bleu"] == pytest.approx(corpus_bleu(written, [wanted]).score, abs=1e-4)
    assert found["chrf"] == pytest.approx(corpus_chrf(written, [wanted]).score, abs=1e-4)
    assert found["exact_match"] == pytest.approx(100 / 3, abs=1e-4)
    for name in ("bleu", "chrf", "rouge_l", "exact_match"):
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]


@pytest.mark.parametrize(
    ("written", "wanted", "expected"),
    [  # by rouge-score 0.1.2 without its stemmer
        ("The cat sat.", "the cat sat", 1.0),
        ("police killed the gunman", "police kill the gunman", 0.75),
        ("the gunman kill police", "police kill the gunman", 0.5),
        ("a b c d e", "x b y d", 4 / 9),
        ("", "something", 0.0),
    ],
)
def test_rouge_l(written, wanted, expected):
    assert rouge_l(written, wanted) == pytest.approx(expected)


STAGES = ("ingest", "base", "prepare", "train", "evaluate", "export")
RECIPE = (
    *("source=files", "source.columns.text=heard", "source.columns.target=said", "task=seq2seq"),
    *("task.max_tokens=32", "tokenizer.vocab_size=400", "prepare.quality.min_words=1"),
    *(
        "model=t5_nano",
        "model.layers=1",
        "model.heads=2",
        "model.width=16",
        "train.optimizer=adamw",
    ),
    *("model.feed_forward=32", "prepare.contamination.max_overlap=1"),
)


@pytest.fixture
def plays(stages, scenes):
    """Two hundred exchanges of Hamlet as the source; returns ``stages``."""
    speeches = [
        speech.split("\n", 1)[1].replace("\n", " ")
        for _, text in scenes[:8]
        for speech in text.split("\n\n")
        if speech.count("\n") and speech.split("\n", 1)[0].isupper()
    ][:200]
    with Path("data/input/exchanges.jsonl").open("w") as file:
        for heard, said in itertools.pairwise(speeches):
            file.write(json.dumps({"heard": heard, "said": said}) + "\n")
    return stages


def test_from_raw_pairs_to_metrics_exact_twice(plays):
    plays(STAGES, *RECIPE)
    weights, metrics = TRAINED / "model.safetensors", METRICS.read_bytes()
    first, found = sha256_of(weights), read_json(METRICS)
    labels = np.load(PREPARED / "test.labels.npy")
    assert found["tokens"] == (labels != IGNORED).sum()
    assert found["loss"] == pytest.approx(np.log(400), rel=0.1)
    copied = found["baselines"]["copy of the source"]
    assert 0 < copied["chrf"] < 100
    assert copied["exact_match"] == 0
    rows = pq.read_table(REPORTS / "examples.parquet").to_pydict()
    assert len(rows["written"]) == found["documents"]
    # So that `stemma diff` can pair them.
    again, said = metrics_of(rows), metric_values(found)
    assert said == pytest.approx({name: again[name] for name in said}, abs=1e-4)
    plays(["train", "evaluate"], *RECIPE)
    assert sha256_of(weights) == first
    assert METRICS.read_bytes() == metrics


def test_a_model_that_only_continues_text(plays):
    with pytest.raises(ModelError, match="bert has no Seq2SeqLM model"):
        plays(STAGES[:4], *RECIPE[:7], "model=bert_nano", "train.optimizer=adamw")
