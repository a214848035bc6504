import json
from pathlib import Path

import numpy as np
import pytest
from measured import classes, texts, version, without

from stemma.pages.blocks import Cell, Table, Text
from stemma.pages.numbers import signed
from stemma.store.errors import ProjectError
from stemma.versions.differences.metrics import compare
from stemma.versions.differences.section import Alike, Section


def found(tmp_path: Path, a: dict, b: dict, **kwargs) -> Section:
    section = compare(version(tmp_path / "a", a, **kwargs), version(tmp_path / "b", b, **kwargs))
    assert section
    json.dumps(section.facts, allow_nan=False)
    return section


def paragraphs(section: Section) -> str:
    return "\n".join(block.text for block in section.blocks if isinstance(block, Text))


def tables(section: Section) -> dict[str, Table]:
    return {block.title: block for block in section.blocks if isinstance(block, Table)}


def test_a_real_gain_is_said_once_and_shown_in_every_figure(tmp_path: Path) -> None:
    section = found(tmp_path, texts(), texts(seed=1, effect=-0.03))
    words = [words for words in section.words if isinstance(words, Cell)]
    assert len(words) == len(section.words) and {one.tone for one in words} == {"better"}
    assert words[0].text.startswith("Bits per byte fell from 1.")
    assert words[0].text.endswith("p < 0.001): real, and better.")
    assert [one.text.split(" rose")[0] for one in words[1:]] == [
        "Top-1 accuracy",
        "Top-5 accuracy",
    ], "perplexity and loss are the same finding as bits per byte"
    tested = section.facts["tested"]
    bits = tested["bits_per_byte"]
    assert bits["low"] < -0.03 < bits["high"] < 0
    assert bits["difference"] == bits["b"] - bits["a"]
    assert bits["p"] == tested["loss"]["p"] == tested["perplexity"]["p"]
    corrected = {name: round(one["corrected"] / one["p"]) for name, one in tested.items()}
    assert max(corrected.values()) == 3, "three aspects, not five metrics"
    (headline,) = section.headline
    assert headline.tone == "better"
    assert headline.text.startswith(f"Better: bits per byte {signed(bits['difference'])} [")
    table = tables(section)["Over the documents of both"]
    assert [row[0] for row in table.rows] == [
        "bits per byte",
        "loss, nats",
        "perplexity",
        "top-1 accuracy",
        "top-5 accuracy",
    ]
    assert all(isinstance(row[3], Cell) and row[3].tone == "better" for row in table.rows)
    assert "Over each one's own test split" not in tables(section)


def test_no_more_than_noise(tmp_path: Path) -> None:
    section = found(tmp_path, texts(), texts(seed=1))
    smallest = section.facts["tested"]["bits_per_byte"]["smallest"]
    assert section.words[0] == (
        "Bits per byte: no difference that 40 documents could show "
        f"(the smallest they could: {smallest:.4f})."
    )
    # 40 documents that each vary by 0.02 on either side: z and t of 5 % / 3 and of 80 %.
    assert smallest == pytest.approx(0.02 * np.sqrt(2 / 40) * (2.5 + 0.85), rel=0.3)
    assert not any(one["real"] for one in section.facts["tested"].values())
    for row in tables(section)["Over the documents of both"].rows:
        assert isinstance(row[3], Cell)
        assert row[3].tone == "muted"


def test_a_figure_that_is_the_same_everywhere(tmp_path: Path) -> None:
    a, b = texts(), texts(seed=1)
    section = found(tmp_path, a, {**b, "correct": a["correct"]})
    assert "Top-1 accuracy: the same in all 40 documents." in section.words


def test_the_same_reports_differ_in_nothing(tmp_path: Path) -> None:
    one, other = version(tmp_path / "a", texts()), version(tmp_path / "b", texts())
    assert compare(one, other) is Alike.EQUAL


def test_no_reports_at_all(tmp_path: Path) -> None:
    bare = version(tmp_path / "bare", None)
    assert compare(bare, version(tmp_path / "other", None)) is Alike.ABSENT
    section = compare(bare, version(tmp_path / "measured", texts()))
    assert not isinstance(section, Alike)
    assert section.words == ("bare has no reports/metrics.json: there are no metrics to compare.",)


def test_documents_of_one_side_are_counted_and_named(tmp_path: Path) -> None:
    a, b = texts(), texts(seed=1)
    section = found(tmp_path, without(a, 3), without(b, 5, 6))
    assert section.facts["only_a"] == ["doc-005", "doc-006"]
    assert section.facts["only_b"] == ["doc-003"]
    assert section.facts["pairs"] == 37
    assert "37 are the same in the test split of both" in paragraphs(section)
    assert "2 only in that of a (doc-005, doc-006), 1 only in that of b (doc-003)" in paragraphs(
        section
    )
    # Headline metrics are of other documents than the paired ones: both are shown.
    headline = tables(section)["Over each one's own test split"]
    assert headline.rows[0][1] != tables(section)["Over the documents of both"].rows[0][1]


def test_a_text_that_changed_under_its_id_is_left_out(tmp_path: Path) -> None:
    a, b = texts(), texts(seed=1)
    size = b["bytes"].copy()
    size[4] += 1
    section = found(tmp_path, a, {**b, "bytes": size})
    assert section.facts["changed"] == ["doc-004"]
    assert section.facts["pairs"] == 39
    assert "1 left out since they changed (doc-004)" in paragraphs(section)
    a, b = without(a, 4), without(b, 4)
    clean = found(tmp_path / "clean", a, b)
    assert clean.facts["tested"] == section.facts["tested"]


def test_under_another_tokenizer_only_what_is_per_byte_is_tested(tmp_path: Path) -> None:
    a, b = texts(), texts(seed=1, effect=-0.03)
    section = found(tmp_path, a, {**b, "tokens": b["tokens"] * 2})
    assert list(section.facts["tested"]) == ["bits_per_byte"]
    assert section.facts["tested"]["bits_per_byte"]["corrected"] < 0.001
    why = "it is per token, and the same texts have other tokens"
    assert section.facts["untested"] == dict.fromkeys(
        ("loss", "perplexity", "top1_accuracy", "top5_accuracy"), why
    )
    assert section.words[-1].startswith("Not to be compared: loss, nats (")
    assert section.words[-1].endswith(f"{why}.")


def test_another_test_split_gives_figures_and_no_p_value(tmp_path: Path) -> None:
    a, b = texts(), texts(seed=1, effect=-0.5)
    b["id"] = [f"other-{index}" for index in range(40)]
    section = found(tmp_path, a, b)
    assert section.facts["tested"] == {}
    assert section.words[0].endswith("no document is the same in the test split of both.")
    (table,) = tables(section).values()
    assert next(cell for cell in table.rows[0] if cell) == "bits per byte"
    assert not any(p in paragraphs(section) for p in ("p <", "p ="))


def test_fewer_than_six_documents_can_show_nothing(tmp_path: Path) -> None:
    section = found(tmp_path, texts(5), texts(5, seed=1, effect=-0.5))
    assert section.facts["tested"] == {}
    assert "fewer than 6 documents are the same" in section.words[0]


def test_six_documents_can(tmp_path: Path) -> None:
    a, b = texts(6), texts(6, seed=1, effect=-0.5)
    p = found(tmp_path, a, b).facts["tested"]["bits_per_byte"]["p"]
    assert p == pytest.approx(2 / 64, abs=0.006)


def test_right_or_wrong_is_mcnemars(tmp_path: Path) -> None:
    a, b = classes(60, wrong=range(20)), classes(60, wrong=[0, 1, 2, 30])
    section = found(tmp_path, a, b)
    accuracy = section.facts["tested"]["accuracy"]
    assert accuracy["test"] == "mcnemar"
    # 17 were put right, 1 was spoilt.
    assert accuracy["p"] == pytest.approx(2 * (1 + 18) / 2**18 - 18 / 2**18)
    assert accuracy["difference"] == pytest.approx(16 / 60)
    assert section.facts["tested"]["macro_f1"]["test"] == "permutation"
    assert section.facts["tested"]["macro_f1"]["real"]


def test_another_task_is_not_compared(tmp_path: Path) -> None:
    how = [{"task": {"name": name}, "evaluate": {"context": None}} for name in ("chat", "tag")]
    a = version(tmp_path / "a", texts(), evaluate=how[0])
    b = version(tmp_path / "b", texts(seed=1), evaluate=how[1])
    section = compare(a, b)
    assert section
    assert section.facts["tested"] == {}
    assert section.words[0].endswith("the tasks are chat and tag.")


def test_another_way_of_measuring_is_said(tmp_path: Path) -> None:
    how = [{"task": {"name": "chat"}, "evaluate": {"context": size}} for size in (64, 128)]
    a = version(tmp_path / "a", texts(), evaluate=how[0])
    b = version(tmp_path / "b", texts(seed=1), evaluate=how[1])
    section = compare(a, b)
    assert section
    assert section.facts["tested"]
    assert section.words[-1] == (
        "They were not measured alike (evaluate.context 64 and 128): "
        "a difference may stem from that."
    )


def test_figures_of_which_the_examples_know_nothing(tmp_path: Path) -> None:
    a = version(tmp_path / "a", texts(), {"bits_per_byte": 1.8, "taste": 3, "old": 1.0})
    b = version(tmp_path / "b", texts(seed=1), {"bits_per_byte": 1.7, "taste": 4})
    section = compare(a, b)
    assert section
    assert list(section.facts["tested"]) == ["bits_per_byte"]
    assert section.facts["untested"] == {
        "taste": "reports/examples.parquet does not hold what it is made of",
        "old": "only one version has it",
    }


def test_without_examples_there_is_no_test(tmp_path: Path) -> None:
    a = version(tmp_path / "a", texts())
    b = version(tmp_path / "b", None, {"bits_per_byte": 1.0})
    section = compare(a, b)
    assert section
    assert section.facts["tested"] == {}
    assert "b has no reports/examples.parquet" in section.words[0]


def test_the_same_versions_give_the_same_bytes(tmp_path: Path) -> None:
    a, b = version(tmp_path / "a", texts()), version(tmp_path / "b", texts(seed=1))
    assert compare(a, b) == compare(a, b)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "reports/metrics.json of b is torn"),
        ("[]", "reports/metrics.json of b holds no metric"),
        ('{"documents": 3, "loss_low": 1, "baselines": {}}', "metrics.json of b holds no metric"),
    ],
)
def test_broken_metrics(tmp_path: Path, content: str, message: str) -> None:
    a, b = version(tmp_path / "a", texts()), version(tmp_path / "b", texts())
    (tmp_path / "b/reports/metrics.json").write_text(content)
    with pytest.raises(ProjectError, match=message) as caught:
        compare(a, b)
    assert "dvc repro evaluate" in caught.value.hint
