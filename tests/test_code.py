"""code.lock: which edits make which versions stale, and what the stages say of other code."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from project import ROOT, Project, environment

from stemma import closure, code, composition
from stemma.errors import ReproducibilityError
from stemma.identity import code_of, digest_of, digest_of_values, names_imported

SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CHOICES = {
    "task": ("causal_lm", "chat", "classify", "masked_lm", "seq2seq", "tag"),
    "family": ("bert", "gpt2", "llama", "pretrained", "t5"),
    "kind": ("chatterbot", "files", "hub", "shakespeare"),
}


@pytest.fixture(scope="module")
def values() -> dict:
    return composition.compose(root=ROOT).values


def chosen(values: dict, **choice) -> dict:
    """Return settings with another task, family or kind of source."""
    return {
        **values,
        "task": {**values["task"], "name": choice.get("task", values["task"]["name"])},
        "model": {**values["model"], "family": choice.get("family", values["model"]["family"])},
        "source": {**values["source"], "kind": choice.get("kind", values["source"]["kind"])},
        "export": {**values["export"], "formats": choice.get("formats", [])},
    }


def files(values: dict, **choice) -> set[str]:
    return {file for found in closure.closures(chosen(values, **choice)).values() for file in found}


def test_code_lock_is_that_of_the_code(values):
    assert code.differences(values, ROOT) == [], "type `stemma compose`"


def test_every_choice_of_conf_is_one_of_these():
    for folder, group, key in (("tasks", "task", None), ("families", "family", None)):
        found = {path.stem for path in (SOURCE / "stemma" / folder).glob("[!_]*")}
        assert found == set(CHOICES[group]), key
    conf = (ROOT / "conf/source").glob("*.yaml")
    kinds = {yaml.safe_load(path.read_text())["kind"] for path in conf}
    # What is mixed is of the kinds of its parts.
    assert kinds - {"mixed"} == set(CHOICES["kind"])


@pytest.mark.parametrize("task", CHOICES["task"])
def test_a_version_depends_on_no_other_task(values, task):
    mine = {file for file in files(values, task=task) if "/tasks/" in file}
    assert mine and all(f"/tasks/{task}/" in file or "tasks/__init__" in file for file in mine)
    helper = "src/stemma/modeling/examples/pairs.py"
    assert (helper in files(values, task=task)) == (task == "seq2seq")


@pytest.mark.parametrize("family", CHOICES["family"])
def test_a_version_depends_on_no_other_family(values, family):
    found = files(values, family=family)
    assert {file for file in found if "/families/" in file} == {f"src/stemma/families/{family}.py"}
    fused = {Path(file).stem for file in found if "/fused/" in file}
    other = {"gpt2", "llama"} - ({family} if family != "pretrained" else {"gpt2", "llama"})
    assert not fused & other
    assert bool(fused) == (family in ("gpt2", "llama", "pretrained"))


@pytest.mark.parametrize("kind", CHOICES["kind"])
def test_a_version_depends_on_no_other_source(values, kind):
    found = {Path(file).stem for file in files(values, kind=kind) if "corpus/sources/" in file}
    assert found & set(CHOICES["kind"]) == {kind}


def test_a_version_depends_on_the_formats_that_it_has(values):
    found = {Path(file).stem for file in files(values, formats=["int8", "bf16"])}
    assert "int8" in found and not found & {"onnx", "gguf", "pruned"}


def test_what_only_ends_a_stage_or_speaks_is_in_no_closure(values):
    silent = {f"src/{module.replace('.', '/')}.py" for module in closure.SILENT}
    assert all((ROOT / file).exists() for file in silent)
    assert not silent & files(values)


def test_portable_arithmetic_counts_where_it_computes(values):
    portable = "src/stemma/modeling/portable.py"
    assert portable in files(values)
    native = {**values, "runtime": {**values["runtime"], "instructions": "native"}}
    assert portable not in files(native)


def test_all_that_runs_is_there(project: Project):
    """What a stage has loaded when it ends, against its section of code.lock."""
    script = """
import json, runpy, sys
name = sys.argv.pop()
try:
    runpy.run_module(f"stemma.stages.{name}", run_name="__main__", alter_sys=True)
finally:
    names = [name for name in sys.modules if name.split(".")[0] == "stemma"]
    print("LOADED", json.dumps(sorted(names)))
"""
    locked = code.read(project.path / "code.lock")
    for stage in ("ingest", "prepare", "train", "evaluate", "export"):
        done = subprocess.run(
            [sys.executable, "-c", script, stage],
            cwd=project.path,
            env=environment(project.path),
            capture_output=True,
            check=True,
        )
        line = done.stdout.decode().rpartition("LOADED ")[2]
        loaded = set(json.loads(line)) - closure.SILENT.keys() - closure.IDLE.keys()
        known = {_module_of(file) for file in locked[stage]}
        extra = {name for name in loaded - known if _has_code(project.path, name)}
        assert not extra, f"{stage} runs {extra}, and code.lock does not say so"


def _module_of(file: str) -> str:
    return file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _has_code(root: Path, module: str) -> bool:
    path = root / "src" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return bool(code_of(file.read_text()).strip())


def test_compose_depends_on_all_that_can_stand_in_code_lock(values):
    deps = STAGES["compose"]["deps"]
    every = {"formats": ["int8", "onnx", "gguf", "pruned"]}
    choices = itertools.product(*CHOICES.values())
    found = set().union(
        *(files(values, **dict(zip(CHOICES, choice, strict=True)), **every) for choice in choices)
    )
    for file in {*found, "src/stemma/closure.py", "src/stemma/code.py", "src/stemma/identity.py"}:
        assert any(file == dep or file.startswith(f"{dep}/") for dep in deps), file


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "compose"])
def test_a_stage_depends_on_its_code(stage):
    assert {"code.lock": [stage]} in STAGES[stage]["params"]


def test_an_edit_of_the_command_line_reruns_nothing_but_compose(project: Project):
    path = project.path / "src/stemma/cli/group.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    said = project.run("dvc repro").stdout
    assert {line for line in said.splitlines() if "Running" in line} <= {"Running stage 'compose':"}


def test_an_edit_of_one_task_leaves_versions_of_others_fresh(project: Project):
    path = project.path / "src/stemma/tasks/seq2seq/training.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    said = project.run("dvc repro").stdout
    assert "Running stage 'compose'" in said and said.count("Running stage") == 1


def test_an_edit_of_comments_reruns_nothing_but_compose(project: Project):
    path = project.path / "src/stemma/modeling/runtime.py"
    text = path.read_text()
    path.write_text(text.replace('"""What the', '"""What, then, the', 1) + "\n# A remark.\n")
    assert path.read_text() != text
    said = project.run("dvc repro").stdout
    assert "Running stage 'compose'" in said and said.count("Running stage") == 1


def test_an_edit_of_code_is_taken_up_and_told(project: Project):
    path = project.path / "src/stemma/modeling/export/tables.py"
    path.write_text(path.read_text() + "\nEDITED = True\n")
    done = project.run("python -m stemma.stages.export", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "code.lock has other code: src/stemma/modeling/export/tables.py" in done.stderr
    checked = project.run("stemma compose --check", check=False)
    assert checked.returncode == 1
    assert "code.lock: export: src/stemma/modeling/export/tables.py" in checked.stdout
    assert "code.lock has drifted from the code" in checked.stdout
    said = project.run("dvc repro").stdout
    assert "Running stage 'export'" in said and "Running stage 'train'" not in said
    assert "src/stemma/modeling/export/tables.py" in project.run("dvc params diff").stdout
    assert "code" in project.run("stemma diff HEAD --only code").stdout


@pytest.mark.parametrize("text", ["<<<<<<< a\n=======\n>>>>>>> b\n", "a: [", "- a\n", None])
def test_a_code_lock_that_cannot_be_read(project: Project, text: str | None):
    path = project.path / "code.lock"
    path.unlink()
    if text is not None:
        path.write_text(text)
    done = project.run("python -m stemma.stages.ingest", check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "code.lock" in done.stderr and "stemma compose" in done.stderr
    project.run("stemma compose")
    project.run("python -m stemma.stages.ingest")


def test_what_is_no_code_changes_no_digest():
    text = 'import os\n\n\ndef f(a):\n    """Doc."""\n    return a  # why\n'
    same = '"""Module."""\nimport os\ndef f(a):\n    # why not\n\n    return a   \n'
    assert code_of(text) == code_of(same)
    assert code_of(text) != code_of(text.replace("return a", "return -a"))


def test_what_stands_in_a_string_is_code():
    text = 'T = """\nfirst\n\n  # kept  \n"""\n'
    assert code_of(text) == text
    assert code_of(text) != code_of(text.replace("\n\n", "\n"))
    assert code_of('x = "#"  # gone\n') == 'x = "#"\n'
    assert code_of("f(\n    1,  # one\n)\n") == "f(\n    1,\n)\n"
    assert code_of('class A:\n    x: int\n    """Of é."""; y = 1\n').endswith("; y = 1\n")


def test_line_endings_change_no_digest(tmp_path):
    for name, ending in (("lf", b"\n"), ("crlf", b"\r\n")):
        (tmp_path / name).write_bytes(b"x = 1\ny = 2\n".replace(b"\n", ending))
    assert digest_of(tmp_path / "lf") == digest_of(tmp_path / "crlf")


def test_of_constants_the_used_ones_count(tmp_path):
    names, user = tmp_path / "names.py", tmp_path / "user.py"
    names.write_text("A = 1\nB = A + 1\nC = 3\n")
    user.write_text("from names import B\n")
    used = names_imported(user, "names")
    before = digest_of_values(names, used)
    names.write_text("C = 4\nA = 1  # one\n\nB = A + 1\n")
    assert digest_of_values(names, used) == before
    names.write_text("A = 2\nB = A + 1\nC = 3\n")
    assert digest_of_values(names, used) != before


def test_a_stage_by_other_code_is_refused(project: Project, monkeypatch):
    monkeypatch.chdir(project.path)
    with pytest.raises(ReproducibilityError, match=r"code\.lock has other code: .*, and \d+ more"):
        code.refuse_drift("train", composition.compose(root=ROOT).values | {"task": {"name": "x"}})
