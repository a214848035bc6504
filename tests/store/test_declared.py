"""What a version consists of, read from dvc.yaml files of this project and of others."""

from pathlib import Path

import pytest
import yaml
from history import History
from project import ROOT, Project

from stemma import layout
from stemma.store import dvcyaml
from stemma.store.declared import CONVENTION
from stemma.store.errors import DamagedError
from stemma.store.naming import resolve

# Nothing stands where our stages put it: no conf/, metrics under eval/, a model that is pushed.
FOREIGN = """\
stages:
  featurize:
    cmd: python featurize.py
    deps:
      - raw.csv
    params:
      - features
      - config/model.yaml:
          - depth
    outs:
      - features
  fit:
    cmd: python fit.py
    wdir: work
    deps:
      - ../features
    outs:
      - model.pkl
      - log.txt:
          cache: false
  score:
    cmd: python score.py
    metrics:
      - eval/scores.json:
          cache: false
    plots:
      - eval/roc.csv:
          x: fpr
metrics:
  - eval/more.yaml
plots:
  - eval/loss.csv
  - curves:
      x: step
      y:
        eval/train.csv: loss
        eval/test.csv: loss
params:
  - extra.yaml
artifacts:
  classifier:
    path: work/model.pkl
    type: model
    desc: a gradient-boosted tree
  per-row:
    path: eval/rows.parquet
    type: evaluation
"""


def test_our_own_is_declared_where_the_stages_write() -> None:
    raw = (ROOT / "dvc.yaml").read_bytes()
    found = dvcyaml.parse(raw, "here")
    for field in ("raw", "prepared", "base", "trained", "exported", "metrics", "examples",
                  "samples", "measured", "formats"):  # fmt: skip
        assert getattr(found, field) == getattr(CONVENTION, field), field
        named = [one.path for one in found.artifacts if field in one.labels]
        assert named == ([] if field == "metrics" else [getattr(found, field)]), field
    assert {one.path for one in found.artifacts} <= set(found.outputs)
    assert found.models == ("models/exported", "models/trained")
    assert found.datasets == ("data/raw", "data/prepared")
    assert found.all_metrics == ("reports/metrics.json", "reports/formats.json")
    assert found.metrics in found.in_git
    assert found.trained not in found.in_git
    assert "reports/plots/training.csv" in found.plots


def test_dvc_reads_what_we_declare() -> None:
    from dvc.repo import Repo
    from gto.constants import assert_name_is_valid

    with Repo(str(ROOT)) as repo:
        theirs = repo.artifacts.read()["dvc.yaml"]
    ours = dvcyaml.parse((ROOT / "dvc.yaml").read_bytes(), "here").artifacts
    assert {name: (one.path, one.type, one.labels) for name, one in theirs.items()} == {
        one.name: (one.path, one.type, list(one.labels)) for one in ours
    }
    for one in ours:
        assert_name_is_valid(one.name)


def test_of_a_version_from_before_there_were_artifacts_the_convention_holds() -> None:
    whole = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    del whole["artifacts"]
    found = dvcyaml.parse(yaml.safe_dump(whole).encode(), "here")
    assert found.artifacts == ()
    assert (found.trained, found.prepared) == (CONVENTION.trained, CONVENTION.prepared)
    assert found.models == ("models/exported", "models/trained")
    assert dvcyaml.parse(None, "here") is CONVENTION
    assert Path(CONVENTION.metrics) == layout.METRICS


def test_a_foreign_project_is_read_through_its_own_declarations() -> None:
    found = dvcyaml.parse(FOREIGN.encode(), "here")
    assert found.trained == found.exported == "work/model.pkl"
    assert found.models == ("work/model.pkl",)
    assert found.metrics == "eval/scores.json"
    assert found.all_metrics == ("eval/scores.json", "eval/more.yaml")
    assert found.examples == "eval/rows.parquet"
    assert found.plots == ("eval/roc.csv", "eval/loss.csv", "eval/train.csv", "eval/test.csv")
    assert found.settings == ("params.yaml", "config/model.yaml", "extra.yaml")
    assert found.outputs == (
        "features", "work/model.pkl", "work/log.txt", "eval/scores.json", "eval/roc.csv",
    )  # fmt: skip
    assert found.in_git == {"work/log.txt", "eval/scores.json"}
    assert found.artifacts[0].desc == "a gradient-boosted tree"


def test_labels_tell_several_models_apart() -> None:
    raw = b"""\
artifacts:
  small: {path: m/small, type: model}
  large: {path: m/large, type: model, labels: [exported]}
  text: {path: d, type: dataset, labels: [prepared, english]}
"""
    found = dvcyaml.parse(raw, "here")
    assert (found.exported, found.trained) == ("m/large", "m/small")
    assert found.models == ("m/small", "m/large")
    assert found.prepared == "d"
    assert found.datasets == ("d",)


def test_without_a_model_nothing_is_one() -> None:
    found = dvcyaml.parse(b"stages: {a: {cmd: x, outs: [table.csv]}}", "here")
    assert found.models == found.datasets == ()
    assert found.trained == CONVENTION.trained, "where ours would be, should there be one"


def test_values_in_paths_come_from_the_settings_and_items_from_dvc_lock() -> None:
    raw = b"""\
stages:
  train:
    foreach: [en, de]
    do:
      cmd: train ${item}
      outs:
        - models/${item}
      metrics:
        - ${paths.eval}/${item}.json
artifacts:
  en: {path: "models/${best}", type: model}
"""
    outs = ["models/en", "models/de", "scores/en.json", "scores/de.json", "models/en/deep"]
    found = dvcyaml.parse(raw, "here", b"best: en\npaths: {eval: scores}\n", outs)
    assert found.all_metrics == ("scores/en.json", "scores/de.json")
    assert found.outputs == ("models/en", "models/de", "scores/en.json", "scores/de.json")
    assert found.exported == "models/en"
    assert dvcyaml.is_template(raw)
    assert not dvcyaml.is_template((ROOT / "dvc.yaml").read_bytes()), "only deps have values"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("stages: [", "dvc.yaml of v1 cannot be read"),
        ("- a", "dvc.yaml of v1 cannot be read"),
        ("artifacts: {a: {type: model}}", "dvc.yaml of v1 cannot be read: 'path'"),
        ("<<<<<<< ours\nstages: {}", "dvc.yaml of v1 has the marks of an unfinished merge"),
    ],
)
def test_a_torn_one_is_refused(raw: str, message: str) -> None:
    with pytest.raises(DamagedError, match=message):
        dvcyaml.parse(raw.encode(), "v1")


def test_a_version_knows_what_it_consists_of(tmp_path: Path) -> None:
    history = History(tmp_path / "h")
    (history.root / "dvc.yaml").write_text(FOREIGN, encoding="utf-8")
    history.commit({"work/model.pkl": {"weights": b"1"}}, "best: en\n")
    version = resolve("HEAD", history.root)
    assert version.declared == dvcyaml.parse(FOREIGN.encode(), "here")
    assert version.files(version.declared.exported).keys() == {"weights"}
    (history.root / "dvc.yaml").write_text(
        "artifacts: {one: {path: 'models/${best}', type: model}}", encoding="utf-8"
    )
    history.git("commit", "-qam", "a template")
    assert resolve("HEAD", history.root).declared.exported == "models/en"
    Project(history.root).run("git rm -q dvc.yaml")
    history.git("commit", "-qm", "none")
    assert resolve("HEAD", history.root).declared == CONVENTION
