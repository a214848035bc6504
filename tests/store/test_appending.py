import pytest
import yaml

from stemma.store.appending import with_entry
from stemma.store.errors import DamagedError, ProjectError

VALUE = {"path": "models/new", "type": "model", "labels": ["imported"]}
STAGE = "stages:\n  one:  # a comment\n    cmd: true\n    deps:\n      - x\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        STAGE,
        STAGE.rstrip(),
        f"{STAGE}\nartifacts:\n  old:\n    path: y\n",
        f"artifacts:\n  old:\n    path: y\n\n# of the stages\n{STAGE}",
        f"artifacts:\n\n{STAGE}",
    ],
)
def test_an_entry_is_added_and_every_line_stays(text: str) -> None:
    made = with_entry(text, "artifacts", "new", VALUE, "dvc.yaml")
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(made)
    assert after["artifacts"].pop("new") == VALUE
    before["artifacts"] = before.get("artifacts") or {}
    assert after == before
    lines = iter(made.splitlines())
    assert all(line in lines for line in text.splitlines())


def test_what_cannot_be_added_to() -> None:
    with pytest.raises(ProjectError, match="has 'new' under 'artifacts' already"):
        with_entry("artifacts:\n  new: {path: y}\n", "artifacts", "new", VALUE, "dvc.yaml")
    with pytest.raises(ProjectError, match="takes no further lines"):
        with_entry("artifacts: {old: {path: y}}\n", "artifacts", "new", VALUE, "dvc.yaml")
    with pytest.raises(DamagedError, match="cannot be read"):
        with_entry("artifacts: [\n", "artifacts", "new", VALUE, "dvc.yaml")
    with pytest.raises(DamagedError, match="holds no mapping"):
        with_entry("- one\n", "artifacts", "new", VALUE, "dvc.yaml")
