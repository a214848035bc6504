"""Each verb that reads versions, on repositories that are in nothing like Stemma's own."""

import json
import shutil
from pathlib import Path

import foreign
import pytest
from project import Project, once

from stemma.store.naming import resolve
from stemma.versions import diff, log, show

# What DVC itself says of the second version, and of the first.
METRICS = {
    "pipeline": {"precision.train": (0.8, 0.9), "precision.test": (0.7, 0.8), "auc": (0.8, 0.8)},
    "several": {
        "one/metrics_model.json:loss": (0.1, 0.1), "one/metrics_model.json:accuracy": (0.9, 0.9),
        "two/metrics_model.json:loss": (0.3, 0.1), "two/metrics_model.json:accuracy": (0.7, 0.9),
    },
    "below": {"loss": (0.3, 0.1), "accuracy": (0.7, 0.9)},
    "templated": {
        f"work/metrics_{name}.json:{metric}": values for name in ("us", "uk")
        for metric, values in {"loss": (0.4, 0.1), "accuracy": (0.6, 0.9)}.items()
    },
    "added": {},
    "live": {"train.loss": (0.2, 0.1), "step": (2.0, 2.0)},
}  # fmt: skip
SETTINGS = {
    "pipeline": {"train.rate": (0.1, 0.2)},
    "several": {"two/params.yaml:rate": (0.1, 0.3)},
    "below": {"rate": (0.1, 0.3)},
    "templated": {"work/params.yaml:rate": (0.1, 0.4)},
    "added": {},
    "live": {"rate": (0.1, 0.2), "dvclive/params.yaml:rate": (0.1, 0.2)},
}
shapes = pytest.mark.parametrize("shape", foreign.SHAPES)


@pytest.fixture
def project(shape: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Made once; nobody may write into it."""
    make = foreign.SHAPES[shape]
    path = once(tmp_path_factory, f"foreign-{shape}", lambda folder: make(folder))
    return Project(path / "projects/lm" if shape == "below" else path)


def printed(project: Project, *words: str, code: int = 0) -> dict:
    done = project.run(["stemma", *words, "--json"], check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_what_is_no_number_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = once(tmp_path_factory, "foreign-pipeline", lambda folder: foreign.pipeline(folder))
    assert show(root=path)["no_numbers"] == {
        "note": "a text", "missing": "not finite", "many": "a list", "empty": "null",
    }  # fmt: skip
    told = " ".join(Project(path).run(["stemma", "show"]).stdout.split())
    assert "note (a text), missing (not finite), many (a list), empty (null)" in told


@shapes
def test_the_log_knows_versions_and_what_changed(project: Project, shape: str) -> None:
    two, one = log(root=project.path).versions
    assert (two.subject, one.subject) == ("two", "one")
    assert two.metrics == pytest.approx({name: one for name, (one, _) in METRICS[shape].items()})
    assert one.metrics == pytest.approx({name: one for name, (_, one) in METRICS[shape].items()})
    assert two.changed.get("settings", []) == [*SETTINGS[shape]]
    data = {"pipeline": ["data/raw.csv"], "added": ["adapter", "data/x.txt"]}
    assert two.changed.get("data", []) == data.get(shape, [])
    assert two.bytes_added and two.bytes_added_exact


@shapes
@pytest.mark.parametrize("revision", [None, "HEAD", "HEAD~1"])
def test_show_tells_metrics_settings_and_outputs(
    project: Project, shape: str, revision: str | None
) -> None:
    facts = show(revision, root=project.path)
    told = {
        name: value for name, value in (facts["metrics"] or {}).items() if name in METRICS[shape]
    }
    assert told == pytest.approx({name: one for name, (one, _) in METRICS[shape].items()})
    assert not facts["missing"] and facts["commit" if revision else "made_in"]
    kept = resolve("HEAD", project.path).lock.kept
    assert {out["path"] for stage in facts["stages"] for out in stage["makes"]} == {*kept}
    page = project.run(["stemma", "show", *([revision] if revision else [])]).stdout
    assert "conf/" not in page and all(f"{name}=" in page for name in SETTINGS[shape])


@shapes
def test_the_diff_says_what_changed_and_what_is_not_there(project: Project, shape: str) -> None:
    found = diff("HEAD~2", "HEAD", root=project.path)
    sections = {one.name: one.facts for one in found.sections}
    settings = {key: (one["a"], one["b"]) for key, one in sections.get("settings", {}).items()}
    assert settings == SETTINGS[shape]
    if METRICS[shape]:
        told = sections["metrics"]["headline"]
        assert told["b"] == pytest.approx({n: one for n, (one, _) in METRICS[shape].items()})
        assert told["a"] == pytest.approx({n: one for n, (_, one) in METRICS[shape].items()})
    assert ("weights" in sections) == (shape in ("pipeline", "added"))
    assert ("data" in sections) == (shape in ("pipeline", "added"))
    # Not known is never no difference.
    only = project.run("stemma diff HEAD~2 HEAD --only votes").stdout
    assert "Neither HEAD~2 nor HEAD has votes to compare." in only
    assert "are the same" in project.run("stemma diff HEAD~1 HEAD").stdout


@shapes
def test_bytes_are_checked_and_rebuilt(project: Project, shape: str) -> None:
    assert "sound" in project.run("stemma fsck").stdout
    assert printed(project, "status")["exact"]
    if shape == "added":
        done = project.run("stemma verify", check=False)
        assert (
            done.returncode == 1 and "has no stage, so there is nothing to rebuild" in done.stderr
        )
        return
    found = printed(project, "verify")
    assert found["verdict"] == "exact"
    made = {out.path for stage in resolve("HEAD", project.path).stages() for out in stage.outs}
    assert {row["output"] for row in found["rows"]} == made


def test_what_differs_when_it_is_rebuilt_is_said_without_a_list_of_packages(tmp_path: Path) -> None:
    project = foreign.new(tmp_path / "random")
    foreign.write(project.path / "dvc.yaml", """
        stages:
          draw:
            cmd: python -c "import os; open('drawn', 'wb').write(os.urandom(9))"
            outs: [drawn]
        """)  # fmt: skip
    project.run("dvc repro -q")
    project.commit("one")
    found = printed(project, "verify", code=1)
    assert found["verdict"] == "different"
    assert "no environment.lock says with which packages it was made" in json.dumps(found)


@shapes
def test_a_version_goes_and_none_is_lost(project: Project, shape: str, tmp_path: Path) -> None:
    top = project.path.parents[1] if shape == "below" else project.path
    copied = Path(shutil.copytree(top, tmp_path / "copy", symlinks=True))
    here = Project(copied / project.path.relative_to(top))
    here.run(["git", "reset", "--hard", "--quiet", "HEAD~2"])
    here.run("git reflog expire --expire=now --all")
    here.run("git tag -d text-classification@v1.0.0", check=False)
    assert printed(here, "gc", "--unpushed")["objects"]


def test_metrics_that_are_in_no_cache_are_fetched_or_said_to_be_unknown(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    path = once(tmp_path_factory, "foreign-pipeline", lambda folder: foreign.pipeline(folder))
    here = Project(Path(shutil.copytree(path, tmp_path / "copy", symlinks=True)))
    here.run(["dvc", "remote", "add", "-q", "-d", "store", str(tmp_path / "store")])
    (here.path / ".dvc/cache").rename(tmp_path / "store")
    shutil.rmtree(here.path / "eval")
    done = here.run("stemma log")
    assert "are not in the cache, so they are not known (`dvc fetch" in done.stderr
    told = show("HEAD~2", root=here.path)
    assert not told["missing"] and told["metrics"]["auc"] == 0.8
    # Those of the others are nowhere now.
    shutil.rmtree(here.path / ".dvc/cache")
    shutil.rmtree(tmp_path / "store")
    told = show("HEAD", root=here.path)
    assert told["metrics"] is None and "eval/live/metrics.json" in told["missing"]
    only = here.run("stemma diff HEAD~2 HEAD --only metrics").stdout
    assert "Not known: metrics" in only and "do not differ" not in only


def test_paths_begin_where_the_user_stands(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = once(tmp_path_factory, "foreign-pipeline", lambda folder: foreign.pipeline(folder))
    top, below = Project(path), Project(path / "src")
    for typed in ("log {}models/net", "diff HEAD~2:{}models/net {}models/net", "show HEAD"):
        there, here = (f"stemma {typed}".replace("{}", up) for up in ("", "../"))
        assert below.run(here).stdout.replace("../", "") == top.run(there).stdout
    below.run("stemma diff HEAD~2 HEAD --html page.html")
    assert (path / "src/page.html").exists()
    (path / "src/page.html").unlink()
