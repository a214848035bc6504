"""A table of conflicts: two branches that both built a version, merged by Git with our driver."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml
from project import Project, environment

# Three stages: each copies what it reads and its settings into its output; the last one reports.
PIPELINE = """\
stages:
  prepare:
    cmd: python step.py prepare data/raw.txt made/data
    deps: [data/raw.txt]
    params: [prepare]
    outs: [made/data]
  train:
    cmd: python step.py train made/data made/model
    deps: [made/data]
    params: [train]
    outs: [made/model]
  evaluate:
    cmd: python step.py evaluate made/model reports/metrics.json
    deps: [made/model]
    params: [evaluate]
    metrics: [reports/metrics.json: {cache: false}]
"""
STEP = """\
import json, pathlib, sys, yaml
name, source, target = sys.argv[1:]
settings = yaml.safe_load(open("params.yaml"))[name]
pathlib.Path(target).parent.mkdir(exist_ok=True)
text = pathlib.Path(source).read_text()
pathlib.Path(target).write_text(json.dumps({name: settings, "of": text}))
"""
# What one side changes is a few lines from what the other does, so that Git itself can merge it.
BETWEEN = dict.fromkeys(("s1", "s2", "s3", "s4"), 0)
PARAMS = {
    "evaluate": {"n": 1, **BETWEEN},
    "prepare": {"length": 1, **BETWEEN},
    "train": {"rate": 1, **BETWEEN, "steps": 10},
}
EXTRA = """\
  export:
    cmd: python step.py evaluate made/model made/export
    deps: [made/model]
    params: [evaluate]
    outs: [made/export]
"""
Change = Callable[[Path], object]


def setting(section: str, key: str, value: int) -> Change:
    """Return an edit of a setting; each stands on a line of its own, which Git itself can merge."""

    def edit(root: Path) -> None:
        path = root / "params.yaml"
        values = yaml.safe_load(path.read_text())
        values[section][key] = value
        path.write_text(yaml.safe_dump(values))

    return edit


def data(text: str) -> Change:
    return lambda root: (root / "data/raw.txt").write_text(text)


def more(root: Path) -> None:
    (root / "dvc.yaml").write_text(PIPELINE + EXTRA)


def less(root: Path) -> None:
    (root / "dvc.yaml").write_text(PIPELINE[: PIPELINE.index("  evaluate:")])
    (root / "reports/metrics.json").unlink()


def nothing(root: Path) -> None:
    (root / "note.txt").write_text(str(root))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a version on main, and the driver."""
    root = tmp_path_factory.mktemp("merges") / "project"
    (root / "data").mkdir(parents=True)
    project = Project(root)
    project.run("git init -q -b main")
    project.run("dvc init -q")
    project.run("dvc config core.analytics false")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "step.py").write_text(STEP)
    (root / "data/raw.txt").write_text("text")
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    project.run("dvc repro -q")
    told = run(root, "stemma", "merge-driver", "--install").stdout
    assert "  dvc.lock\n" in told and "  reports/metrics.json\n" in told
    project.commit("start")
    return root


def run(root: Path, *words: str, path: str | None = None, check: bool = True):
    env = environment() | ({"PATH": path} if path else {})
    done = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Branches:
    """A copy of the template with two branches, each with a version of its own."""

    def __init__(self, template: Path, root: Path) -> None:
        self.root = root
        subprocess.run(["cp", "-a", template, root], check=True)

    def built(self, name: str, *changes: Change) -> "Branches":
        """Make a branch of main with a version that has these changes."""
        project = Project(self.root)
        project.run(f"git checkout -q -b {name} start")
        project.run("dvc checkout -q")
        for change in changes:
            change(self.root)
        project.run("dvc repro -q")
        project.commit(name)
        return self

    def lock(self) -> Mapping[str, Mapping]:
        text = (self.root / "dvc.lock").read_text()
        assert "<<<<" not in text and ">>>>" not in text
        return yaml.safe_load(text)["stages"]

    def stale(self) -> set[str]:
        """Return the stages that DVC would build."""
        run(self.root, "dvc", "checkout", "-q", check=False)
        told = run(self.root, "dvc", "status", "--json").stdout
        return {*yaml.safe_load(told)}


@pytest.fixture
def branches(template: Path, tmp_path: Path) -> Branches:
    made = Branches(template, tmp_path / "project")
    run(made.root, "git", "tag", "start")
    return made


# What ours changes, what theirs does; the stages whose side is kept, and those that are built.
TABLE = {
    "they retrained": (nothing, setting("train", "rate", 2), {}, set()),
    "both retrained alike": (
        setting("train", "rate", 2), setting("train", "rate", 2), {}, set(),
    ),
    "other stages": (
        setting("prepare", "length", 2), setting("evaluate", "n", 2), {"prepare": "ours",
        "train": "ours"}, {"evaluate"},
    ),
    "later stages of one side": (
        setting("evaluate", "n", 2), setting("train", "rate", 2), {"prepare": "both",
        "train": "theirs"}, {"evaluate"},
    ),
    "data here, settings there": (
        data("other"), setting("train", "rate", 2), {"prepare": "ours"}, {"train", "evaluate"},
    ),
    "data there, the last stage here": (
        setting("evaluate", "n", 2), data("other"), {"prepare": "theirs", "train": "theirs"},
        {"evaluate"},
    ),
    "data on both sides": (
        data("one"), data("other"), {}, {"prepare", "train", "evaluate"},
    ),
    "two keys of one stage": (
        setting("train", "rate", 2), setting("train", "steps", 20), {"prepare": "both"},
        {"train", "evaluate"},
    ),
    "a stage more, and another setting": (
        setting("train", "rate", 2), more, {"train": "ours", "evaluate": "ours"}, {"export"},
    ),
    "a stage less": (
        less, setting("train", "rate", 2), {"train": "theirs"}, set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_each_conflict(branches: Branches, case: str):
    ours, theirs, kept, built = TABLE[case]
    branches.built("theirs", theirs).built("ours", ours)
    locks = {
        side: yaml.safe_load(run(branches.root, "git", "show", f"{side}:dvc.lock").stdout)["stages"]
        for side in ("ours", "theirs", "start")
    }
    done = run(branches.root, "git", "merge", "-q", "--no-edit", "theirs", check=False)
    root = branches.root
    if done.returncode:  # data and pipeline are Git's to merge, and ours stands here
        for path in run(root, "git", "diff", "--name-only", "--diff-filter=U").stdout.split():
            assert path in ("data/raw.txt", "dvc.yaml", "reports/metrics.json"), done.stdout
            gone = case == "a stage less" and path.startswith("reports")
            run(root, "git", *(["rm", "-q"] if gone else ["checkout", "--ours"]), path)
            run(root, "git", "add", "-A")
        run(root, "git", "commit", "-q", "--no-edit")
    lock = branches.lock()
    for stage, side in kept.items():
        assert lock[stage] == locks["ours" if side == "both" else side][stage], (stage, done.stderr)
    stale = branches.stale()
    assert built <= stale, done.stderr
    assert not stale & kept.keys(), done.stderr
    # And whatever is to be built can be: then all is fresh.
    run(root, "dvc", "repro", "-q")
    assert branches.stale() == set()


def test_what_is_said(branches: Branches):
    branches.built("theirs", setting("train", "rate", 2)).built("ours", data("other"))
    done = run(branches.root, "git", "merge", "-q", "--no-edit", "theirs")
    assert "stemma: dvc.lock: prepare of ours; to be built by `dvc repro`: train (" in done.stderr
    assert "made/data" not in done.stderr or "evaluate (made/model is to be built" in done.stderr
    assert "reports/metrics.json: ours stands until `dvc repro` makes it anew" in done.stderr


@pytest.mark.parametrize("how", ["rebase", "cherry-pick"])
def test_rebase_and_cherry_pick(branches: Branches, how: str):
    branches.built("ours", setting("evaluate", "n", 2)).built("theirs", setting("train", "rate", 2))
    if how == "rebase":
        run(branches.root, "git", "rebase", "-q", "ours")
    else:
        run(branches.root, "git", "checkout", "-q", "ours")
        run(branches.root, "git", "cherry-pick", "theirs")
    kept = yaml.safe_load(run(branches.root, "git", "show", "theirs:dvc.lock").stdout)["stages"]
    lock = branches.lock()
    assert lock["prepare"] == kept["prepare"] and "evaluate" not in lock
    assert branches.stale() == {"evaluate"}


def test_a_report_goes_with_its_stage(branches: Branches):
    # Both reports changed; the merge has the inputs of theirs, since ours was made from them.
    branches.built("theirs", setting("train", "rate", 2))
    run(branches.root, "git", "checkout", "-q", "-b", "ours", "start")
    run(branches.root, "git", "checkout", "-q", "theirs", "--", "params.yaml", "dvc.lock")
    (branches.root / "reports/metrics.json").write_text('{"by": "hand"}')
    run(branches.root, "git", "commit", "-qam", "a report of its own")
    done = run(branches.root, "git", "merge", "-q", "--no-edit", "theirs", check=False)
    assert "<<<<" not in (branches.root / "reports/metrics.json").read_text(), done.stderr


def test_without_stemma_git_merges_by_itself(branches: Branches, tmp_path: Path):
    branches.built("theirs", setting("train", "rate", 2)).built("ours", setting("train", "rate", 3))
    bare = tmp_path / "bin"
    bare.mkdir()
    for tool in ("git", "sh"):
        (bare / tool).symlink_to(Path("/usr/bin") / tool)
    done = run(branches.root, "git", "merge", "-q", "theirs", path=str(bare), check=False)
    assert done.returncode == 1 and "stemma" not in done.stderr
    text = (branches.root / "dvc.lock").read_text()
    assert "<<<<<<< ours" in text and ">>>>>>> theirs" in text


def test_a_torn_side_is_left_to_git(branches: Branches):
    branches.built("theirs", setting("train", "rate", 2)).built("ours", setting("train", "rate", 3))
    run(branches.root, "git", "checkout", "-q", "theirs")
    (branches.root / "dvc.lock").write_text("stages: [")
    run(branches.root, "git", "commit", "-qam", "torn")
    run(branches.root, "git", "checkout", "-q", "ours")
    done = run(branches.root, "git", "merge", "-q", "theirs", check=False)
    assert "stemma: dvc.lock of theirs cannot be read" in done.stderr
    assert done.returncode == 1 and "<<<<<<< ours" in (branches.root / "dvc.lock").read_text()


def test_not_installed_and_not_called_by_git(branches: Branches):
    run(branches.root, "stemma", "merge-driver", "--uninstall")
    done = run(branches.root, "stemma", "merge-driver", "--uninstall", check=False)
    assert done.returncode == 1 and "is not installed here" in done.stderr
    done = run(branches.root, "stemma", "merge-driver", check=False)
    assert "the merge driver is called by Git" in done.stderr
    run(branches.root, "stemma", "merge-driver", "--install")
    run(branches.root, "stemma", "merge-driver", "--install")
    assert (branches.root / ".gitattributes").read_text().count("dvc.lock") == 1
