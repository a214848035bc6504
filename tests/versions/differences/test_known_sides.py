"""What a diff is between: commits, names, an experiment, the working tree, folders, a base."""

import json
import os
import re
import shutil
from pathlib import Path

import known
import pytest
from click.testing import CliRunner
from project import Project
from safetensors.numpy import load_file, save_file

from stemma.cli import main
from stemma.pages.blocks import Table, Text
from stemma.store.naming import resolve
from stemma.versions.verbs.diff import Diff
from stemma.versions.verbs.diff import diff as compare


def diff(root: Path, a: str | None, b: str | None = None) -> Diff:
    return compare(a, b, root=root)


def sections(report: Diff) -> dict:
    return {section.name: section.facts for section in report.sections}


def lay(root: Path, tag: str, output: str, folder: Path) -> Path:
    """Copy an output of a version into a folder."""
    version = resolve(tag, root)
    folder.mkdir()
    for file in version.files(output):
        shutil.copyfile(version.path(output, file), folder / file)
    return folder


def test_a_commit_by_any_name_is_the_same(history: Path):
    commit = resolve("layer", history).commit
    assert commit
    expected = sections(diff(history, "merge", "layer"))
    for name in (commit, commit[:9], "main~1", "main^"):
        assert sections(diff(history, "merge", name)) == expected, name
    assert diff(history, "layer", commit).verdict == f"layer and {commit} are the same."


def test_an_experiment_is_a_version(history: Path):
    assert sections(diff(history, "rewritten", "tried")) == sections(
        diff(history, "rewritten", "rate")
    )
    assert diff(history, "tried", "rate").verdict == "tried and rate are the same."


def test_an_untouched_working_tree_is_its_commit(history: Path):
    assert diff(history, "HEAD").verdict == "HEAD and the working tree are the same."


def test_the_working_tree_differs_in_what_was_edited(copied: Project):
    params = copied.path / "params.yaml"
    params.write_text(params.read_text().replace("learning_rate: 0.2", "learning_rate: 0.1", 1))
    code = copied.path / "src/stemma/stages/train.py"
    code.write_text(f"{code.read_text()}\nNOTHING = 0\n")
    (copied.path / "src/stemma/stages/new.py").write_text("# no stage runs this\n")
    weights = copied.path / "models/trained/model.safetensors"
    tensors = load_file(weights)
    weights.unlink()  # it may be a link into the cache
    name = f"{known.LAYER}ln_1.weight"
    save_file(tensors | {name: tensors[name] * 2}, weights)
    found = sections(diff(copied.path, "HEAD"))
    assert list(found) == ["settings", "code", "weights"]
    assert found["settings"] == {"train.learning_rate": {"a": 0.2, "b": 0.1, "in": "both"}}
    assert found["code"] == {
        "src/stemma/stages/train.py": {"stages": ["train"], "added": 2, "removed": 0}
    }
    (changed,) = found["weights"]["changed"]
    assert (changed["tensor"], changed["relative"]) == (name, pytest.approx(1))


def test_sections_that_were_not_asked_for_are_not_called_the_same(history: Path):
    only = ("tokenizer", "environment")
    verdict = compare("rewritten", "rate", only, history).verdict
    assert verdict == "rewritten and rate do not differ in environment or tokenizer."


def test_true_is_another_setting_than_one(copied: Project):
    params = copied.path / "params.yaml"
    params.write_text(params.read_text().replace("seed: 1\n", "seed: true\n"))
    assert sections(diff(copied.path, "HEAD"))["settings"] == {
        "runtime.seed": {"a": 1, "b": True, "in": "both"}
    }


def test_what_one_side_lacks_is_told(copied: Project):
    for file in ("params.yaml", "environment.lock", "data/prepared/manifest.parquet"):
        (copied.path / file).unlink()
    report = diff(copied.path, "HEAD")
    assert [section.name for section in report.sections] == ["settings", "environment", "data"]
    assert "the working tree has no params.yaml: there are no settings to comp" in report.verdict
    assert "no environment.lock: there are no packages to compare." in report.verdict
    assert "no data/prepared/manifest.parquet: there are no documents to comp" in report.verdict


def test_lines_that_look_like_names_of_files_are_counted(copied: Project):
    code = copied.path / "src/stemma/stages/train.py"
    code.write_text(f"{code.read_text()}++ one\n-- two\n")
    copied.commit("odd lines")
    code.write_text(code.read_text().replace("++ one\n-- two\n", ""))
    assert sections(diff(copied.path, "HEAD"))["code"] == {
        "src/stemma/stages/train.py": {"stages": ["train"], "added": 0, "removed": 2}
    }


def test_what_several_sections_lack_is_said_once(copied: Project):
    copied.run("rm -r data/prepared")
    report = diff(copied.path, "HEAD")
    assert report.verdict == (
        "Not known: data, tokenizer: data/prepared is not in the working tree "
        "(`dvc checkout` or `dvc repro` brings it)."
    )


def test_two_folders_differ_in_their_models_and_nothing_else(history: Path, tmp_path: Path):
    one, other = (lay(history, tag, "models/trained", tmp_path / tag) for tag in ("merge", "layer"))
    report = diff(history, str(one), str(other))
    (weights,) = report.sections
    assert weights.facts == sections(diff(history, "merge", "layer"))["weights"]
    assert report.verdict.startswith("Weights: only layer 1 changed")
    assert report.remark == (
        "Equal: tokenizer. "
        "Nothing to compare: settings, environment, code, data, metrics, behaviour, votes."
    )
    same = lay(history, "layer", "models/trained", tmp_path / "same")
    assert diff(history, str(other), str(same)).verdict.endswith("are the same.")


def test_a_fine_tune_against_its_base(history: Path):
    tokenizer, weights = diff(history, "tuned:models/base", "tuned").sections
    # An export pads on the left, for who writes with it; what is trained pads nothing.
    assert tokenizer.words == ("Tokenizer: 1 setting changed: padding_side.",)
    assert weights.name == "weights"
    assert len(weights.facts["changed"]) == 16
    again = diff(history, "tuned:models/exported", "retuned:models/base")
    assert again.verdict.endswith("are the same."), "a base is what the version before exported"


def test_a_base_in_a_folder(history: Path, tmp_path: Path):
    base = lay(history, "start", "models/exported", tmp_path / "base")
    report = diff(history, str(base), "tuned:models/base")
    assert report.verdict == "Weights: the same numbers in other files."
    assert list(sections(diff(history, str(base), "tuned"))) == ["tokenizer", "weights"]


def test_json_is_what_the_verb_returns(history: Path, monkeypatch):
    monkeypatch.chdir(history)
    runner = CliRunner(env={"OPENBLAS_NUM_THREADS": "1"})
    told = json.loads(runner.invoke(main, ["diff", "merge", "layer", "--json"]).stdout)
    assert told == json.loads(json.dumps(diff(history, "merge", "layer").facts()))


def test_bytes_that_are_gone_are_missing_and_not_guessed(history: Path, monkeypatch):
    monkeypatch.chdir(history)
    # Set for the process otherwise, by diff.
    runner = CliRunner(env={"OPENBLAS_NUM_THREADS": "1"})
    done = runner.invoke(main, ["diff", "layer", "gone", "--json"])
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert list(facts["sections"]) == ["settings", "metrics", "behaviour"]
    assert facts["sections"]["settings"] == {"runtime.seed": {"a": 1, "b": 2, "in": "both"}}
    (why,) = facts["missing"].values()
    assert list(facts["missing"]) == ["weights"]
    assert why.startswith("models/trained of gone is not in the cache, and there is no default rem")
    assert "`dvc repro`" in why
    assert facts["verdict"].endswith(f"Not known: weights: {why}.")
    page = runner.invoke(main, ["diff", "layer", "gone", "--markdown"]).stdout
    assert "### Weights\n\n**missing:** models/trained of gone" in page
    shown = runner.invoke(main, ["diff", "layer", "gone"]).stdout
    assert re.search(r"^weights ─+\nmissing: models/trained of gone", shown, re.M)


def test_bytes_that_are_gone_are_fetched_from_the_remote(copied: Project):
    store = copied.path.with_name("store")
    copied.run(["dvc", "remote", "add", "-q", "-d", "--local", "store", str(store)])
    report = diff(copied.path, "layer", "gone")
    assert report.missing == {}
    assert list(sections(report)) == ["settings", "weights", "metrics", "behaviour"]
    one, other = (
        load_file(resolve(tag, copied.path).path("models/trained", "model.safetensors"))
        for tag in ("layer", "gone")
    )
    changed = {name for name in one if (one[name] != other[name]).any()}
    facts = sections(report)["weights"]
    assert {fact["tensor"] for fact in facts["changed"]} == changed


def test_a_broken_copy_in_the_remote_is_not_taken(copied: Project):
    store = copied.path.with_name("store")
    copied.run(["dvc", "remote", "add", "-q", "-d", "--local", "store", str(store)])
    key = resolve("gone", copied.path).files("models/trained")["model.safetensors"]
    path = store / "files/md5" / key[:2] / key[2:]
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)
    report = diff(copied.path, "layer", "gone")
    assert "broken in the default remote" in report.missing["weights"]
    path.unlink()
    assert "missing in the default remote" in diff(copied.path, "layer", "gone").missing["weights"]


def test_of_much_code_the_first_files_are_shown(copied: Project):
    edited = sorted((copied.path / "src/stemma/corpus").rglob("*.py"))
    for path in edited:
        path.write_text(f"{path.read_text()}NOTHING = 0\n")
    (code,) = diff(copied.path, "HEAD").sections
    run = [path for path in edited if str(path.relative_to(copied.path)) in code.facts]
    assert len(code.facts) == len(run) > 20
    table, more = code.blocks
    assert isinstance(table, Table) and len(table.rows) == 20
    assert more == Text(f"20 of {len(run)} shown; --json has all.")


def test_figures_that_are_the_same_are_no_section(copied: Project):
    path = copied.path / "reports/metrics.json"
    metrics = json.loads(path.read_text())
    metrics["baselines"]["bigram"]["loss"] += 1
    path.write_text(json.dumps(metrics))
    assert diff(copied.path, "HEAD").sections == ()
