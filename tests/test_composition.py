"""conf/ -> params.yaml: by `stemma compose`, by DVC's own composition, and when they drift."""

import pytest
from omegaconf import OmegaConf
from project import ROOT, Project, lay_out

from stemma import composition
from stemma.config import read_params
from stemma.errors import SettingsError


@pytest.fixture
def bare(tmp_path) -> Project:
    return lay_out(tmp_path / "project")


def edit(project: Project, file: str, old: str, new: str) -> None:
    path = project.path / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def params(project: Project) -> dict:
    return read_params(project.path / "params.yaml")


def overrides(project: Project) -> list[str]:
    return params(project)["composed"]["overrides"]


def test_composes_and_is_up_to_date(bare):
    assert bare.run("stemma compose --check", check=False).returncode == 1
    bare.run("stemma compose")
    assert overrides(bare) == []
    assert "what conf/ composes to" in bare.run("stemma compose --check").stdout


def test_overrides_are_recorded_shortest_first_the_recipe(bare):
    bare.run("stemma compose prepare=web train.steps=6 model=gpt2_mini")
    assert overrides(bare) == ["prepare=web", "model=gpt2_mini", "train.steps=6"]
    bare.run("stemma compose train.steps=10")
    assert overrides(bare) == ["prepare=web", "model=gpt2_mini", "train.steps=10"]
    bare.run("stemma compose --reset")
    assert overrides(bare) == []


def test_every_experiment_composes_and_is_its_own_shortest_override(bare):
    for recipe in sorted((ROOT / "conf/experiment").glob("*.yaml")):
        made = composition.compose([f"experiment={recipe.stem}"], bare.path)
        assert made.overrides == (f"experiment={recipe.stem}",)
        assert composition.compose([f"experiment={recipe.stem}"], ROOT).values


UNREAD = ("gates", "search", "update")  # by any stage: no groups


@pytest.mark.parametrize(
    "group",
    sorted(p.name for p in (ROOT / "conf").iterdir() if p.is_dir() and p.name not in UNREAD),
)
def test_every_choice_of_a_group_composes_and_names_itself(group):
    for choice in sorted((ROOT / "conf" / group).glob("*.yaml")):
        if group == "experiment":
            continue
        assert OmegaConf.load(choice)["name"] == choice.stem


def test_an_edit_of_conf_is_taken_up_and_the_override_survives(bare):
    bare.run("stemma compose train.momentum=0.5")
    edit(bare, "conf/runtime/portable.yaml", "seed: 1", "seed: 5")
    drift = bare.run("stemma compose --check", check=False)
    assert drift.returncode == 1
    assert "runtime.seed: 1 -> 5" in drift.stdout
    assert "dvc repro" in drift.stdout
    bare.run("stemma compose")
    assert params(bare)["runtime"]["seed"] == 5
    assert params(bare)["train"]["momentum"] == 0.5


def test_an_edit_of_params_becomes_an_override(bare):
    # `dvc exp run --no-hydra -S train.momentum=0.5` writes it just so.
    bare.run("stemma compose")
    edit(bare, "params.yaml", "momentum: 0.95", "momentum: 0.5")
    assert bare.run("stemma compose --check", check=False).returncode == 1
    bare.run("stemma compose")
    assert overrides(bare) == ["train.momentum=0.5"]


def test_edits_on_both_sides_stop_with_the_keys(bare):
    bare.run("stemma compose")
    edit(bare, "params.yaml", "momentum: 0.95", "momentum: 0.5")
    edit(bare, "conf/runtime/portable.yaml", "seed: 1", "seed: 5")
    before = (bare.path / "params.yaml").read_bytes()
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert "train.momentum" in done.stderr
    assert "runtime.seed" in done.stderr
    assert "--reset" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (bare.path / "params.yaml").read_bytes() == before


BAD = {
    "unknown key": ("+train.nonsense=1", "train.nonsense"),
    "unknown group choice": ("model=nonsense", "nonsense"),
    "wrong type": ("train.steps=many", "train.steps"),
    "out of range": ("runtime.threads=0", "runtime.threads"),
    "more threads than any machine has": ("runtime.threads=100000", "runtime.threads"),
    "missing value": ("train.steps=???", "train.steps"),
    "environment": ("export.model_name=${oc.env:HOME}", "export.model_name"),
    "secret": ("export.model_name=ghp_" + "a1B2" * 9, "export.model_name"),
    "unknown variable": ("export.model_name=${nowhere}", "nowhere"),
    "key of another choice": ("+source.dataset=x", "source.dataset"),
    "missing value in a list": ('evaluate.prompts=[a,"???"]', "evaluate.prompts.1"),
    "environment in a list": ("evaluate.prompts=[a,'${oc.env:HOME}']", "evaluate.prompts.1"),
    "secret in a list": ("evaluate.prompts=[ghp_" + "a1B2" * 9 + "]", "evaluate.prompts.0"),
    "infinity": ("train.learning_rate=inf", "train.learning_rate"),
    "a group without a choice": ("train=null", "train=null"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_settings_name_the_key(bare, kind):
    override, named = BAD[kind]
    bare.run("stemma compose")
    before = (bare.path / "params.yaml").read_bytes()
    with pytest.raises(SettingsError) as caught:
        composition.compose([override], bare.path)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (bare.path / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("kind", ["unknown key", "missing value", "environment", "secret"])
def test_dvc_itself_refuses_bad_settings(bare, kind):
    override, named = BAD[kind]
    bare.run("stemma compose")
    bare.commit("Start")
    done = bare.run(["dvc", "exp", "run", "-S", override], check=False)
    assert done.returncode != 0
    assert named in done.stderr
    secret = override.split("=", 1)[1]
    assert kind != "secret" or secret not in (bare.path / "params.yaml").read_text()


def test_a_secret_written_into_conf_is_refused(bare):

    edit(bare, "conf/task/causal_lm.yaml", "name: causal_lm", "name: ${oc.env:TOKEN}")
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not (bare.path / "params.yaml").exists()


@pytest.mark.parametrize("line", ["\tsteps: 5", "steps: [5", "name: again\nname: again"])
def test_broken_yaml_in_conf_is_one_line_that_names_the_file(bare, line):
    edit(bare, "conf/train/scratch.yaml", "steps: 620", line)
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert "conf/train/scratch.yaml" in done.stderr
    assert done.stderr.count("\n") == 1


BROKEN = {
    "a merge left open": ("composed:", "<<<<<<< HEAD\ncomposed:"),
    "a quote left open": ("steps: 8", 'steps: "8'),
    "a key twice": ("steps: 8", "steps: 8\n  steps: 9"),
    "no mapping": ("composed:", "- composed"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_params_are_one_line_and_reset_mends_them(bare, kind):
    bare.run("stemma compose")
    before = (bare.path / "params.yaml").read_bytes()
    if kind == "no mapping":
        (bare.path / "params.yaml").write_text("- a list\n")
    else:
        edit(bare, "params.yaml", *BROKEN[kind])
    for command in ("stemma compose", "stemma compose --check", "python -m stemma.stages.ingest"):
        done = bare.run(command, check=False)
        assert done.returncode == 1
        assert "params.yaml" in done.stderr
        assert "stemma compose --reset" in done.stderr
        assert done.stderr.count("\n") == 1
    bare.run("stemma compose --reset")
    assert (bare.path / "params.yaml").read_bytes() == before


RECORDS = {
    "none": "",
    "empty": "composed:\n",
    "a word": "composed: word\n",
    "no overrides": "composed: {conf: a, values: b}\n",
    "wrong overrides": "composed: {conf: a, overrides: [1], values: b}\n",
}


def without_record(project: Project) -> str:
    text = (project.path / "params.yaml").read_text()
    return text[text.index("experiment:") :]


@pytest.mark.parametrize("kind", RECORDS)
def test_a_lost_record_is_made_anew_where_the_values_are_those_of_conf(bare, kind):
    bare.run("stemma compose")
    before = (bare.path / "params.yaml").read_bytes()
    (bare.path / "params.yaml").write_text(RECORDS[kind] + without_record(bare))
    bare.run("stemma compose")
    assert (bare.path / "params.yaml").read_bytes() == before


def test_a_lost_record_stops_with_a_few_keys_where_the_values_are_not_those_of_conf(bare):
    bare.run("stemma compose train.momentum=0.5")
    (bare.path / "params.yaml").write_text(without_record(bare))
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert "lost its record" in done.stderr
    assert "train.momentum" in done.stderr
    (bare.path / "params.yaml").write_text("")
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert "more" in done.stderr
    assert len(done.stderr) < 1000


def test_a_number_as_a_key_of_params_is_an_unknown_key(bare):
    bare.run("stemma compose")
    edit(bare, "params.yaml", "train:\n", "train:\n  5: 6\n")
    done = bare.run("stemma compose", check=False)
    assert done.returncode == 1
    assert "train.5" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_recipe_of_conf_can_be_taken_away(bare):
    # The recipe chosen by default is the shrunk one, without which the files have no ids.
    bare.run("stemma compose ~experiment")
    assert overrides(bare) == ["~experiment"]
    bare.run("stemma compose --check")


def test_outside_a_project(tmp_path):
    done = Project(tmp_path).run("stemma compose", check=False)
    assert done.returncode == 1
    assert "conf/config.yaml does not exist" in done.stderr
