"""A history with one record in it, and which versions hold it."""

import hashlib
import json
import random
import string
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from history import History, json_bytes
from prepared import manifest, row
from project import ROOT

from stemma.cli import main
from stemma.config import build
from stemma.corpus.cleaning.document import clean_text
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.cleaning.words import shingles
from stemma.corpus.duplicates.minhash import sketches
from stemma.corpus.settings import PersonalSettings, PrepareSection
from stemma.errors import DataError
from stemma.store.errors import ProjectError
from stemma.versions.tracing.descendants import Trace
from stemma.versions.tracing.manifests import Sketcher
from stemma.versions.verbs.trace import trace

NOTHING = json_bytes({"kind": None})


def text_of(number: int) -> str:
    draw = random.Random(number)
    return " ".join(f"word{draw.randrange(500)}" for _ in range(120))


SECRET = text_of(0)
SHA256 = hashlib.sha256(SECRET.encode()).hexdigest()
OTHERS = [row(f"doc-{number}", text_of(number)) for number in range(1, 6)]


def outputs(*rows: dict[str, Any], weights: bytes, base: dict[str, bytes] | None = None):
    """Return the outputs of a version, trained from nothing unless there is a base."""
    return {
        "data/prepared": {"manifest.parquet": manifest([*OTHERS, *rows])},
        "models/base": base or {"base.json": NOTHING},
        "models/trained": {"model.safetensors": weights},
        "models/exported": {"model.safetensors": weights + b"exported"},
    }


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "project")


@pytest.fixture
def printed(history: History, monkeypatch: pytest.MonkeyPatch):
    def run(*words: str) -> str:
        monkeypatch.chdir(history.root)
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def found(history: History, **query: str) -> dict[str, Trace]:
    return {one.commit: one for one in trace(**query, root=history.root)}


@pytest.mark.parametrize("query", [{"text": SECRET}, {"id": "secret"}, {"sha256": SHA256}])
def test_versions_that_hold_a_record_and_no_others(history: History, query: dict[str, str]):
    history.commit(outputs(weights=b"0"))
    held = history.commit(outputs(row("secret", SECRET), weights=b"1"))
    history.git("tag", "prod")
    moved = history.commit(outputs(row("secret", SECRET, split="test"), weights=b"2"))
    history.commit(outputs(weights=b"3"))
    traces = found(history, **query)
    assert {commit: one.splits for commit, one in traces.items()} == {
        held: ("train",),
        moved: ("test",),
    }
    assert traces[held].refs == ("prod",) and not traces[held].through


def test_a_text_is_normalised_as_prepare_does(history: History):
    held = history.commit(outputs(row("secret", "Caf\u00e9\nnoir"), weights=b"1"))
    assert set(found(history, text="\ufeffCafe\u0301\r\nnoir")) == {held}


def test_a_similar_text_is_found_without_the_text(history: History):
    near = f"{SECRET} exeunt"
    held = history.commit(outputs(row("near", near), weights=b"1"))
    (match,) = found(history, text=SECRET)[held].matches
    assert (match.how, match.id) == ("similar", "near")
    assert match.similarity is not None and match.similarity > 0.85


def test_personal_data_is_masked_before_texts_are_compared(history: History):
    mails = " ".join(f"write to {name}@example.org" for name in string.ascii_lowercase)
    treatments = dict.fromkeys(("phone", "ip", "card", "secret"), "keep") | {"email": "mask"}
    masked, _, _ = treat(mails, build(PersonalSettings, treatments, "test"))
    # As after an edit that changed the hash of the text.
    near = row("mails", "other", sketch=row("x", masked)["sketch"])
    settings = "prepare:\n  personal:\n    email: mask\n"
    held = history.commit(outputs(near, weights=b"1"), settings)
    assert found(history, text=mails)[held].matches[0].how == "similar"


def test_the_sketch_of_a_text_is_that_which_prepare_makes():
    raw = yaml.safe_load((ROOT / "conf/prepare/default.yaml").read_text())
    settings = build(PrepareSection, raw, "test")
    text = "Caf\u00e9  noir\r\nfor a@example.org, please: " + SECRET
    cleaned = clean_text(text, settings)
    few = int.from_bytes(cleaned.sha256[:8], "big")
    made = sketches([shingles(cleaned.words, settings.duplicates.shingle, few)])
    personal = tuple(raw["personal"].items())
    known = Sketcher(settings.duplicates.shingle, personal)
    assert known.sketch(text) == made[0].tobytes()


def test_a_dropped_record_is_told_but_taints_nothing(history: History):
    gone = history.commit(outputs(row("secret", SECRET, reason="empty"), weights=b"1"))
    base = {"base.json": json_bytes({"kind": "path", "origin": "stemma://v1", "version": gone})}
    history.commit(outputs(weights=b"2", base=base))
    traces = found(history, id="secret")
    assert set(traces) == {gone} and traces[gone].splits == ()


def test_a_duplicate_that_stood_for_the_record_is_found_by_its_cluster(history: History):
    stands = row("stands", text_of(77), sketch=None)
    dropped = row("secret", SECRET, reason="duplicates.near", cluster=stands["sha256"])
    held = history.commit(outputs(stands, dropped, weights=b"1"))
    matches = found(history, id="secret")[held].matches
    assert [(match.id, match.how, match.split) for match in matches] == [
        ("secret", "id", None),
        ("stands", "cluster", "train"),
    ]


def test_fine_tunes_of_fine_tunes_descend(history: History):
    held = history.commit(outputs(row("secret", SECRET), weights=b"1"))
    named = {"base.json": json_bytes({"kind": "path", "origin": "stemma://v1", "version": held})}
    child = history.commit(outputs(weights=b"2", base=named))
    # Brought along as files: what tells is that the bytes are those that the child exported.
    brought = {
        "base.json": json_bytes({"kind": "path", "origin": "data/input/x", "version": ""}),
        "model.safetensors": b"2exported",
    }
    grandchild = history.commit(outputs(weights=b"3", base=brought))
    history.commit(outputs(weights=b"4"))
    traces = found(history, id="secret")
    assert {commit: one.through for commit, one in traces.items()} == {
        held: (),
        child: (held,),
        grandchild: (held,),
    }


def test_what_was_only_measured_on_it_passes_nothing_on(history: History):
    held = history.commit(outputs(row("secret", SECRET, split="test"), weights=b"1"))
    named = {"base.json": json_bytes({"kind": "path", "origin": "stemma://v1", "version": held})}
    history.commit(outputs(weights=b"2", base=named))
    assert set(found(history, id="secret")) == {held}


def test_two_fine_tunes_of_one_foreign_base_are_no_kin(history: History):
    foreign = {"base.json": json_bytes({"kind": "hub", "origin": "hf://x/y", "version": "1"})}
    foreign |= {"model-embedding.safetensors": b"shared"}
    one = outputs(row("secret", SECRET), weights=b"1", base=foreign)
    one["models/trained"]["model-embedding.safetensors"] = b"shared"
    held = history.commit(one)
    history.commit(outputs(weights=b"2", base=foreign))
    assert set(found(history, id="secret")) == {held}


def test_what_a_version_held_whose_bytes_are_gone_is_not_known(history: History, printed):
    gone = outputs(row("secret", SECRET), weights=b"1")
    commit = history.commit(gone)
    history.commit(outputs(weights=b"2"))
    md5 = hashlib.md5(gone["data/prepared"]["manifest.parquet"]).hexdigest()
    history.object(md5).unlink()
    traces = found(history, id="secret")
    assert set(traces) == {commit}
    assert "manifest.parquet of" in (traces[commit].unknown or "")
    told = " ".join(printed("trace", "--id", "secret").split())
    assert told.startswith("No version that can be read has this document")


def test_versions_that_are_not_known_for_one_reason_are_told_together(history: History, printed):
    made = outputs(row("secret", SECRET), weights=b"1")
    history.commit(made)
    (history.root / "dvc.lock").write_text((history.root / "dvc.lock").read_text() + "# again\n")
    history.git("commit", "-qam", "again")
    md5 = hashlib.md5(made["data/prepared"]["manifest.parquet"]).hexdigest()
    history.object(md5).unlink()
    assert printed("trace", "--id", "secret").count("not known: ") == 1


def test_manifests_from_before_there_were_sketches(history: History, tmp_path: Path):
    made = outputs(row("secret", SECRET), weights=b"1")
    path = tmp_path / "old.parquet"
    path.write_bytes(made["data/prepared"]["manifest.parquet"])
    pq.write_table(pq.read_table(path).drop_columns(["sketch"]), path)
    made["data/prepared"]["manifest.parquet"] = path.read_bytes()
    held = history.commit(made)
    assert set(found(history, text=SECRET)) == {held}


def test_what_is_printed(history: History, printed):
    held = history.commit(outputs(row("secret", SECRET), weights=b"1"), "train:\n  method: lora\n")
    (fact,) = json.loads(printed("trace", "--text", SECRET, "--json"))
    assert fact["commit"] == held and fact["splits"] == ["train"] and fact["method"] == "lora"
    assert fact["matches"][0]["how"] == "text" and "sketch" not in fact["matches"][0]
    told = printed("trace", "--text", SECRET)
    assert "Trained on by 1 version; 0 descend" in told and held[:7] in told
    told = printed("trace", "--text", "not there")
    assert told.startswith("No version has this document, or one like it")


def test_ids_are_printed_as_they_are(history: History, printed):
    history.commit(outputs(row("[bold]x[/]", SECRET), weights=b"1"))
    assert "[bold]x[/]" in printed("trace", "--text", SECRET)


def test_an_unknown_id(history: History):
    history.commit(outputs(weights=b"1"))
    with pytest.raises(ProjectError, match="no version has a document with the id 'nobody'"):
        trace(id="nobody", root=history.root)


def test_no_manifest_anywhere(history: History):
    history.commit({"models/trained": {"model.safetensors": b"1"}})
    with pytest.raises(ProjectError, match=r"no version has data/prepared/manifest.parquet"):
        trace(text="x", root=history.root)


def test_a_torn_manifest(history: History):
    torn = outputs(weights=b"1") | {"data/prepared": {"manifest.parquet": b"PAR1"}}
    commit = history.commit(torn)
    with pytest.raises(DataError, match=f"manifest.parquet of {commit[:7]} cannot be read"):
        trace(text="x", root=history.root)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "in one way, not in none"),
        ({"text": "x", "id": "y"}, "in one way, not in 2"),
        ({"file": "nowhere.txt"}, "nowhere.txt cannot be read: No such file"),
        ({"sha256": "abc"}, "'abc' is no SHA-256"),
    ],
)
def test_a_query_that_is_none(query: dict[str, str], said: str):
    with pytest.raises(ProjectError, match=said):
        trace(**query)


def test_a_file_that_is_no_text(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(ProjectError, match="x cannot be read: it is no UTF-8"):
        trace(file=tmp_path / "x")


def test_the_command(history: History, monkeypatch: pytest.MonkeyPatch):
    held = history.commit(outputs(row("secret", SECRET), weights=b"1"))
    monkeypatch.chdir(history.root)
    Path("secret.txt").write_text(SECRET)
    done = CliRunner().invoke(main, ["trace", "--file", "secret.txt", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)[0]["commit"] == held
    done = CliRunner().invoke(main, ["trace", "--id", "x", "--text", "y"])
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
