"""A version that is merged of others: what log, show and trace say, and what taints it."""

import json
import shutil
from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner
from history import History, json_bytes
from prepared import manifest, row

from stemma.cli import main
from stemma.errors import ModelError
from stemma.versions.history.descent import Descent
from stemma.versions.history.records import records
from stemma.versions.verbs.forget import forget
from stemma.versions.verbs.log import log
from stemma.versions.verbs.show import show
from stemma.versions.verbs.trace import trace

SETTINGS = """\
model:
  base:
    kind: merged
    method: ties
    parents:
    - stemma://one
    - 'stemma://other'
    weights:
    ancestor: stemma://root
"""
_MD5_OF_2 = "c81e728d9d4c2f636f067f89cc14862c"


@pytest.fixture
def history(tmp_path) -> History:
    return History(tmp_path / "project")


def model(origin: str, version: str, weights: Mapping[str, str] = {}) -> dict[str, Any]:
    """Return what a merged base.json says of a parent."""
    facts = {"kind": "path", "id": None, "origin": origin, "version": version, "license": "MIT"}
    return {**facts, "files": {}, "weights": dict(weights)}


def named(tag: str, commit: str) -> dict[str, Any]:
    return model(f"stemma://{tag}", commit)


def merged(*parents: dict[str, Any], ancestor: dict[str, Any] | None = None) -> dict[str, bytes]:
    """Return the files of models/base."""
    origin = f"ties of {', '.join(one['origin'] for one in parents)}"
    facts = {"kind": "merged", "id": None, "origin": origin, "version": "", "license": "MIT"}
    facts |= {"parents": parents, "ancestor": ancestor}
    return {"base.json": json_bytes(facts), "model.safetensors": b"merged"}


def version(
    history: History,
    weights: bytes,
    *rows: dict[str, Any],
    base: dict[str, bytes] | None = None,
    settings: str = "",
    tag: str = "",
) -> str:
    made = {
        "data/prepared": {"manifest.parquet": manifest([row("doc", "a text"), *rows])},
        "models/base": base or {"base.json": json_bytes({"kind": None})},
        "models/trained": {"model.safetensors": weights},
    }
    commit = history.commit(made, settings)
    if tag:
        history.git("tag", tag)
    return commit


@pytest.fixture
def family(history: History) -> dict[str, str]:
    """The commits of two models of one ancestor, of what they are merged to, and of its child."""
    found = {
        "root": version(history, b"0", row("in-root", "first"), tag="root"),
        "one": version(history, b"1", row("in-one", "second"), tag="one"),
        "other": version(history, b"2", row("in-other", "third"), tag="other"),
    }
    base = merged(
        named("one", found["one"]),
        named("other", found["other"]),
        ancestor=named("root", found["root"]),
    )
    found["merged"] = version(history, b"merged", base=base, settings=SETTINGS, tag="both")
    child = json_bytes({"kind": "path", "origin": "stemma://both", "version": found["merged"]})
    found["child"] = version(history, b"4", base={"base.json": child})
    return found


def logged(history: History, commit: str):
    return next(one for one in log(root=history.root).versions if one.commit == commit)


def test_the_log_draws_every_parent(
    history: History, family: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    facts = json.loads(json.dumps(logged(history, family["merged"]).facts()))
    assert facts["bases"] == [
        {"commit": family["one"], "refs": ["one"]},
        {"commit": family["other"], "refs": ["other"]},
    ]
    monkeypatch.chdir(history.root)
    told = CliRunner().invoke(main, ["log"]).stdout.splitlines()
    assert f" <- {family['one'][:7]}, {family['other'][:7]} " in told[1]


def test_the_page_names_every_parent_and_the_ancestor(
    history: History, family: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    base = show(family["merged"], history.root)["base"]
    assert [one["version"] for one in base["parents"]] == [family["one"], family["other"]]
    monkeypatch.chdir(history.root)
    done = CliRunner().invoke(main, ["show", family["merged"]])
    told = " ".join(done.stdout.split())
    assert "base ties of stemma://one, stemma://other MIT, digest " in told
    for role, tag, name in [
        ("parent", "one", "one"),
        ("parent", "other", "other"),
        ("ancestor", "root", "root"),
    ]:
        assert f"{role} stemma://{tag}, {family[name][:10]}, MIT" in told


@pytest.mark.parametrize("source", ["root", "one", "other"])
def test_a_record_is_followed_through_every_model(
    history: History, family: dict[str, str], source: str
):
    found = {one.commit: one.through for one in trace(id=f"in-{source}", root=history.root)}
    heirs = {family[name]: (family[source],) for name in ("merged", "child")}
    assert found == {family[source]: (), **heirs}


@pytest.mark.parametrize("source", ["one", "other"])
def test_what_a_parent_learnt_taints_the_merge(
    history: History, family: dict[str, str], source: str
):
    forget(f"in-{source}", why="asked", root=history.root)
    tainted = {one.commit for one in log(root=history.root).versions if one.tainted}
    assert tainted == {family[source], family["merged"], family["child"]}
    assert show(family["merged"], history.root)["tainted"]["through"] == [family[source]]


def test_a_parent_that_was_brought_as_files_is_known_by_its_bytes(history: History):
    held = version(history, b"2", row("secret", "words"))
    other = version(history, b"3", tag="other")
    brought = model("data/input/model", "", {"model.safetensors": _MD5_OF_2})
    base = merged(brought, named("other", other))
    made = version(history, b"merged", base=base, settings=SETTINGS)
    assert [one.commit for one in logged(history, made).bases] == [held, other]
    found = {one.commit: one.through for one in trace(id="secret", root=history.root)}
    assert found == {held: (), made: (held,)}


def test_what_was_merged_is_made_by_the_version_that_merged_it(history: History):
    first = version(history, b"1", row("secret", "words"), tag="one")
    second = version(history, b"2", tag="other")
    base = merged(named("one", first), named("other", second))
    made = version(history, b"merged", base=base)
    again = version(history, b"tuned", row("later", "others"), base=base)
    facts = {"kind": "path", "origin": "data/input/x", "version": ""}
    brought = {"base.json": json_bytes(facts), "model.safetensors": b"merged"}
    heir = version(history, b"3", base=brought)
    descent = Descent(records(["--all"], history.root), history.root)
    assert descent.ancestors(heir) == {made, first, second}
    assert descent.ancestors(made) == descent.ancestors(again) == {first, second}


def test_a_merge_whose_bytes_are_gone_is_named_by_the_settings(
    history: History, family: dict[str, str]
):
    shutil.rmtree(history.root / ".dvc/cache")
    bases = logged(history, family["merged"]).bases
    assert [one.commit for one in bases] == [family["one"], family["other"]]


@pytest.mark.parametrize("torn", [{"parents": [{}], "ancestor": None}, {"parents": 3}, [1]])
def test_a_torn_record_is_refused(history: History, torn: Any):
    commit = version(history, b"1", base={"base.json": json_bytes(torn)})
    with pytest.raises(ModelError, match=rf"models/base/base\.json of {commit[:7]} cannot be read"):
        Descent(records(["--all"], history.root), history.root).bases(commit)
