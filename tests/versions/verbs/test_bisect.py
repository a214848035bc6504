"""Which version made a metric worse, in histories of which that is known."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from measured import classes, texts, without
from measured_history import MeasuredHistory
from project import Project

from stemma.cli import main
from stemma.store.errors import ProjectError
from stemma.versions.verbs.bisect import Bisection, bisect

LOSS = 0.05  # bits per byte: many times what 40 documents show


@pytest.fixture
def history(tmp_path: Path) -> MeasuredHistory:
    return MeasuredHistory(tmp_path / "project")


def line(history: MeasuredHistory, *effects: float) -> list[str]:
    """Commit versions one after the other, each so much worse than the first would be."""
    return [history.version(texts(seed=seed, effect=one)) for seed, one in enumerate(effects)]


def found(history: MeasuredHistory, good: str, bad: str, name: str = "bits_per_byte") -> Bisection:
    return bisect(name, good, bad, rebuild=False, root=history.root)


def first(result: Bisection) -> list[str]:
    return [record.commit for record in result.first]


def verdicts(result: Bisection) -> dict[str, str]:
    return {commit: judged.verdict for commit, (_, judged) in result.judged.items()}


@pytest.mark.parametrize("broken", [1, 4, 9])
def test_the_version_that_raised_bits_per_byte(history: MeasuredHistory, broken: int):
    commits = line(history, *(LOSS if number >= broken else 0 for number in range(10)))
    result = found(history, commits[0], commits[-1])
    assert (result.status, first(result)) == ("found", [commits[broken]])
    assert len(result.judged) <= 5, "nine candidates are halved"
    assert result.level == pytest.approx(0.05 / 5)
    for commit, (_, judged) in result.judged.items():
        assert judged.verdict == ("worse" if commits.index(commit) >= broken else "not worse")
        assert judged.difference and judged.value


@pytest.mark.parametrize("name", ["top1_accuracy", "perplexity"])
def test_higher_is_better_and_lower_is_better(history: MeasuredHistory, name: str):
    # A gain comes first: it is no loss, whichever way the metric counts.
    commits = line(history, 0, -LOSS, -LOSS, LOSS, LOSS)
    result = found(history, commits[0], commits[-1], name)
    assert first(result) == [commits[3]]
    gains = [one.why for _, one in result.judged.values() if one.verdict == "not worse"]
    assert set(gains) == {"better"}


def test_a_classifier_is_judged_by_mcnemars_test(history: MeasuredHistory):
    commits = [history.version(classes(40, range(wrong))) for wrong in (2, 2, 14, 14)]
    result = found(history, commits[0], commits[-1], "accuracy")
    assert first(result) == [commits[2]]
    tests = {one.difference.test for _, one in result.judged.values() if one.difference}
    assert tests == {"mcnemar"}


def test_a_branch_that_was_merged(history: MeasuredHistory):
    good, fork, _ = line(history, 0, 0, 0)
    history.branch("side", fork)
    fine = history.version(texts(seed=11))
    broken = history.version(texts(seed=12, effect=LOSS))
    history.git("checkout", "-q", "main")
    history.version(texts(seed=13))
    history.merge("side", texts(seed=14, effect=LOSS))
    last = history.version(texts(seed=15, effect=LOSS))
    result = found(history, good, last)
    assert first(result) == [broken]
    assert set(result.since) == {fine}
    assert first(found(history, fine, last)) == [broken]
    assert found(history, broken, last).status == "not worse"


def test_a_merge_that_is_worse_than_both_sides(history: MeasuredHistory):
    good, fork = line(history, 0, 0)
    history.branch("side", fork)
    side = history.version(texts(seed=11))
    history.git("checkout", "-q", "main")
    ours = history.version(texts(seed=12))
    merge = history.merge("side", texts(seed=13, effect=LOSS))
    result = found(history, good, "main")
    assert first(result) == [merge]
    assert set(result.since) == {ours, side}


def test_a_branch_from_before_a_gain_did_not_undo_it(history: MeasuredHistory):
    (old,) = line(history, LOSS)
    history.branch("side", old)
    stale = history.version(texts(seed=11, effect=LOSS))
    history.git("checkout", "-q", "main")
    good = history.version(texts(seed=12))
    merge = history.merge("side", texts(seed=13, effect=LOSS))
    result = found(history, good, "main")
    assert first(result) == [merge], "its branch never was as good: it cannot have made it worse"
    assert result.left_out == 1 and stale not in result.judged


def test_a_branch_from_before_that_is_as_good_may_have_made_it_worse(history: MeasuredHistory):
    (old,) = line(history, 0)
    history.branch("side", old)
    broken = history.version(texts(seed=11, effect=LOSS))
    history.git("checkout", "-q", "main")
    good = history.version(texts(seed=12))
    history.merge("side", texts(seed=13, effect=LOSS))
    result = found(history, good, "main")
    assert (first(result), result.left_out) == ([broken], 0)


def test_one_in_the_middle_that_cannot_be_told_is_passed_over(history: MeasuredHistory):
    commits = line(history, 0, 0, 0)
    other = {**texts(), "id": [f"new-{number}" for number in range(40)]}
    dumb = history.version(other)
    commits += [dumb, *(history.version(texts(seed=seed, effect=LOSS)) for seed in (7, 8, 9))]
    result = found(history, commits[0], commits[-1])
    assert result.status == "one of several"
    assert first(result) == [commits[4], dumb]
    assert verdicts(result)[dumb] == "cannot tell"
    assert "no document is the same" in result.judged[dumb][1].why


@pytest.mark.parametrize(
    ("middle", "why"),
    [
        (None, "has no reports/metrics.json"),
        (without(texts(), *range(35)), "fewer than 6 documents"),
        (classes(40, [1]), "it has no bits_per_byte"),
        (texts(seed=3, noise=0.3), "would have shown"),
    ],
    ids=["no metrics", "few documents", "another task", "a test that sees too little"],
)
def test_why_it_cannot_be_told(history: MeasuredHistory, middle: dict | None, why: str):
    (good,) = line(history, 0)
    dumb = history.version(middle)
    bad = history.version(texts(seed=9, effect=LOSS))
    result = found(history, good, bad)
    assert first(result) == [bad, dumb]
    assert why in result.judged[dumb][1].why


def test_a_torn_table_is_one_version_that_cannot_be_told(history: MeasuredHistory):
    (good,) = line(history, 0)
    (history.root / "dvc.lock").write_text((history.root / "dvc.lock").read_text() + "\n")
    (history.root / "reports/examples.parquet").write_bytes(b"PAR1")
    history.git("commit", "-qam", "torn")
    torn = history.git("rev-parse", "HEAD")
    bad = history.version(texts(seed=9, effect=LOSS))
    result = found(history, good, bad)
    assert first(result) == [bad, torn] and "is torn" in result.judged[torn][1].why


def test_a_version_that_is_not_worse(history: MeasuredHistory):
    commits = line(history, 0, LOSS, 0)
    result = found(history, commits[0], commits[-1])
    assert (result.status, first(result)) == ("not worse", [])
    assert list(result.judged) == [commits[-1]]


def test_a_newest_version_that_cannot_be_compared(history: MeasuredHistory):
    (good,) = line(history, 0)
    bad = history.version({**texts(seed=2, effect=LOSS), "id": [f"new-{n}" for n in range(40)]})
    assert found(history, good, bad).status == "cannot tell"


def test_commits_that_built_nothing_are_no_versions(history: MeasuredHistory):
    commits = line(history, 0, 0, LOSS)
    (history.root / "notes").write_text("x")
    history.git("add", "-A")
    history.git("commit", "-qm", "notes")
    result = found(history, commits[0], "HEAD")
    assert first(result) == [commits[2]] and next(iter(result.judged)) == commits[2]
    with pytest.raises(ProjectError, match=r"no version was built from .* to HEAD"):
        found(history, commits[2], "HEAD")


def test_what_changed_since_the_parent(history: MeasuredHistory):
    (good,) = line(history, 0)
    bad = history.version(texts(seed=3, effect=LOSS), settings="train:\n  rate: 3\n")
    result = found(history, good, bad)
    assert result.since == {good: {"settings": ["train.rate"]}}


@pytest.mark.parametrize(
    ("name", "good", "bad", "said"),
    [
        ("bits_per_byte", "nowhere", "HEAD", "'nowhere' is no commit"),
        ("bits_per_byte", "HEAD~1", "nowhere", "'nowhere' is no commit"),
        ("bits_per_byte", "HEAD", "HEAD", "HEAD and HEAD are the same commit"),
        ("bits_per_byte", "HEAD", "HEAD~1", r"HEAD is no ancestor of HEAD~1 \(did you mean --good"),
        ("bits_per_byte", "other", "HEAD", r"other is no ancestor of HEAD \(name an ancestor"),
        ("bleu", "HEAD~1", "HEAD", r"HEAD~1 has no metric 'bleu' \(it has bits_per_byte, loss"),
        ("speed", "HEAD~1", "HEAD", "whether a lower or a higher speed is better is not known"),
        ("accuracy", "HEAD~2", "HEAD", "HEAD has no metric 'accuracy'"),
        ("bits_per_byte", "HEAD~3", "HEAD", r"has no reports/metrics.json \(without --no-rebuild"),
        ("bits_per_byte", "reports", "HEAD", "reports is no folder with a model"),
    ],
)
def test_errors(
    history: MeasuredHistory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    good: str,
    bad: str,
    said: str,
):
    history.version(None)
    history.version(classes(40, [1]))
    for seed in (1, 2):
        history.version(texts(seed=seed), {"bits_per_byte": 1.8, "loss": 2.0, "speed": 3})
    history.git("checkout", "-q", "--orphan", "other")
    history.version(texts())
    history.git("checkout", "-q", "main")
    monkeypatch.chdir(history.root)
    with pytest.raises(ProjectError, match=said):
        found(history, good, bad, name)


def test_a_shallow_clone(history: MeasuredHistory, tmp_path: Path):
    commits = line(history, 0, 0, LOSS)
    history.git("checkout", "-q", "-b", "side", commits[0])
    history.version(texts(seed=9))
    url = f"file://{history.root}"
    shallow = tmp_path / "shallow"
    history.git("clone", "-q", "--depth", "1", "--no-single-branch", url, str(shallow))
    with pytest.raises(ProjectError, match="this clone is shallow: type `git fetch --unshallow`"):
        bisect("bits_per_byte", "origin/side", "origin/main", rebuild=False, root=shallow)


def test_what_is_told(history: MeasuredHistory, monkeypatch: pytest.MonkeyPatch):
    commits = line(history, 0, 0, LOSS, LOSS)
    monkeypatch.chdir(history.root)
    given = ["bisect", "--metric", "bits_per_byte", "--good", commits[0], "--bad", commits[-1]]
    told = CliRunner().invoke(main, given).stdout
    assert max(map(len, told.splitlines()[:6])) <= 80
    assert f"The first version with a worse bits per byte is {commits[2][:7]}" in told
    assert f"See `stemma diff {commits[1][:7]} {commits[2][:7]}`." in told
    assert "3 tests." in told and "at 1.67%" in told
    facts = json.loads(CliRunner().invoke(main, [*given, "--json"]).stdout)
    result = found(history, commits[0], commits[-1])
    assert facts == json.loads(json.dumps(result.facts())), "what the verb returns"
    assert facts["status"] == "found" and facts["first"] == [commits[2]]
    judged = {one["commit"]: one for one in facts["judged"]}
    assert judged[commits[2]]["verdict"] == "worse" and judged[commits[2]]["difference"]["p"] < 0.01


def test_the_command_and_its_exit_codes(history: MeasuredHistory, monkeypatch: pytest.MonkeyPatch):
    commits = line(history, 0, LOSS, 0)
    history.version({**texts(), "id": [f"new-{number}" for number in range(40)]})
    monkeypatch.chdir(history.root)

    def code(bad: str, *words: str) -> int:
        given = ["bisect", "--metric", "bits_per_byte", "--good", commits[0], "--bad", bad, *words]
        return CliRunner().invoke(main, given).exit_code

    assert [code(commits[1], "--json"), code(commits[2]), code("HEAD")] == [0, 3, 1]
    done = CliRunner().invoke(main, ["bisect", "--metric", "x", "--good", "y", "--bad", "HEAD"])
    assert done.exit_code == 1 and done.stderr.count("\n") == 1


def build(project: Project, *overrides: str) -> str:
    project.run(["stemma", "compose", *overrides])
    project.run("dvc repro -q evaluate")
    return project.commit(" ".join(overrides))


def test_a_version_without_figures_is_measured_again(project: Project):
    """In a real version: its weights are in the cache, so nothing is trained."""
    # Five documents, as the tiny version has them, are too few for any test.
    good = build(project, "prepare.split.test=0.4")
    for name in ("reports/metrics.json", "reports/examples.parquet"):
        project.run(["git", "rm", "-q", "--cached", name])
    exclude = project.path / ".git/info/exclude"
    exclude.write_text("reports/metrics.json\nreports/examples.parquet\n")
    middle = build(project, "train.learning_rate=0.0001", "train.muon_learning_rate=0.0001")
    exclude.write_text("")
    bad = build(project, "evaluate.sample_tokens=9")
    command = ["stemma", "bisect", "--metric", "bits_per_byte", "--good", good, "--bad", bad]
    done = project.run([*command, "--json"])
    facts = json.loads(done.stdout)
    assert facts["first"] == [middle], facts
    (again,) = [one for one in facts["judged"] if one["commit"] == middle]
    assert again["rebuilt"] and again["verdict"] == "worse"
    assert "train.learning_rate" in facts["changed"][good]["settings"]
    assert f"{middle[:7]} has no metrics in Git" in done.stderr
    assert "rebuilding evaluate" in done.stderr and "rebuilding train" not in done.stderr
    assert project.run("git status --porcelain").stdout == ""
    assert not list((project.path / ".dvc/tmp").glob("verify-*"))
    done = project.run([*command, "--no-rebuild"], check=False)
    assert done.returncode == 1 and "is one of these 2" in done.stdout
