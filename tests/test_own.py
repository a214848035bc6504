"""Modules of a project's own, chosen by settings: found, refused, counted."""

import sys
from pathlib import Path

import pytest

from stemma import closure, own
from stemma.config import build, settings
from stemma.corpus.sources.settings import SourceSettings
from stemma.errors import ReproducibilityError, SettingsError
from stemma.modeling.family import ModelSettings

SETTINGS = """\
from stemma.config import settings

@settings
class Settings:
    name: str
    family: str
"""


@settings
class Chosen:
    model: ModelSettings


@settings
class Read:
    source: SourceSettings


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The src/ of the project that one stands in; what is imported from it is forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    folder = tmp_path / "src"
    for file, text in {"theirs/__init__.py": "", "theirs/wide.py": SETTINGS}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    yield folder
    for name in {*sys.modules} - before:
        if name.partition(".")[0] in ("theirs", "helpers"):
            del sys.modules[name]


def chosen(family: object) -> Chosen:
    return build(Chosen, {"model": {"name": "wide", "family": family}}, "params.yaml")


@pytest.mark.usefixtures("source")
def test_a_module_in_src_is_found_by_its_whole_name() -> None:
    found = chosen("theirs.wide").model
    assert type(found).__module__ == "theirs.wide" and found.name == "wide"


@pytest.mark.parametrize(
    ("family", "text", "line"),
    [
        ("theirs.none", "", r"'model.family' is 'theirs.none', which src has no module for"),
        ("nobody.wide", "", r"'model.family' is 'nobody.wide', which src has no module for"),
        ("theirs..wide", "", r"which src has no module for"),
        ("wide", "", r"which stemma.families has no module for .conf/model/ holds"),
        (3, "", r"'model.family' is 3, which stemma.families has no module for"),
        ("theirs.other", "x = 1", r"'theirs.other', which has no class Settings"),
        ("theirs.other", "import nothing_of_that_name", r"cannot be imported: ModuleNotFoundError"),
        ("theirs.other", "1 / 0", r"cannot be imported: ZeroDivisionError: division by zero"),
        ("theirs.other", "def (", r"cannot be imported: SyntaxError.*mend src/theirs/other"),
        ("theirs.other", SETTINGS + "    depth: int", r"missing key 'model.depth'"),
    ],
)
def test_what_cannot_be_chosen_is_said(source: Path, family: object, text: str, line: str) -> None:
    (source / "theirs/other.py").write_text(text)
    with pytest.raises(SettingsError, match=line):
        chosen(family)


@pytest.mark.usefixtures("source")
def test_a_source_of_ones_own_may_be_a_part() -> None:
    Path("src/theirs/reader.py").write_text(SETTINGS.replace("family", "kind"))
    raw = {"name": "mixed", "kind": "mixed", "parts": {"a": {"name": "a", "kind": "theirs.reader"}}}
    found = build(Read, {"source": raw}, "params.yaml").source
    assert type(found.parts["a"]).__module__ == "theirs.reader"
    raw["parts"]["a"]["kind"] = "theirs.absent"
    with pytest.raises(SettingsError, match=r"'source.kind' is 'theirs.absent', which src has no"):
        build(Read, {"source": raw}, "params.yaml")


def values(family: str) -> dict[str, object]:
    return {"model": {"family": family}, "task": {"name": "causal_lm"}}


def files(family: str) -> set[str]:
    closure._graph.cache_clear()  # made once in a process, where src/ stays as it is
    return {*closure.closure("train", values(family))}


def test_what_a_chosen_module_imports_counts(source: Path) -> None:
    (source / "theirs/wide.py").write_text("from theirs.shapes import SIZE\n" + SETTINGS)
    (source / "theirs/gates.py").write_text("x = 1\n")
    (source / "common").mkdir()  # a namespace, which has no __init__.py
    (source / "common/more.py").write_text("y = 1\n")
    (source / "theirs/shapes.py").write_text("from common.more import y\nSIZE = y\n")
    mine = {file for file in files("theirs.wide") if not file.startswith(("src/stemma", "stemma"))}
    assert mine == {"src/theirs/wide.py", "src/theirs/shapes.py", "src/common/more.py"}
    assert not any("theirs" in file for file in files("llama"))
    # Which of our fast paths its model takes is not known.
    fused = {file for file in files("theirs.wide") if "/fused/" in file}
    assert fused >= {file for file in files("llama") if "/fused/" in file}


def test_beside_a_module_that_is_in_no_package_all_of_src_counts(source: Path) -> None:
    (source / "helpers.py").write_text("import theirs.gates\n")
    (source / "theirs/gates.py").write_text("x = 1\n")
    found = files("theirs.wide")
    assert {"src/helpers.py", "src/theirs/gates.py"} <= found
    assert own.loose() == ("helpers",)


def test_a_module_that_is_no_python_is_named(source: Path) -> None:
    (source / "theirs/gates.py").write_text("def (\n")
    with pytest.raises(ReproducibilityError, match=r"theirs/gates.py.*line 1.*mend it"):
        files("theirs.wide")
    (source / "theirs/gates.py").unlink()
    (source / "helpers.py").write_text("def (\n")
    with pytest.raises(ReproducibilityError, match=r"helpers\.py is no Python"):
        files("theirs.wide")
