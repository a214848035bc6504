"""`stemma.registry` as Python sees it: its functions, and that they return what `--json` prints."""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from refusing import run
from released import Released

from stemma import registry
from stemma.cli import group as cli

VERBS = [
    "approve", "attest", "fetch", "gates", "history", "promote", "recall", "register", "rollback",
    "sign", "versions",
]  # fmt: skip


def test_the_functions_are_these():
    assert registry.__all__ == VERBS
    assert set(VERBS) <= set(dir(registry)) and set(VERBS) <= set(cli.VERBS)
    with pytest.raises(AttributeError, match="has no attribute 'promotes'"):
        _ = registry.promotes


@pytest.mark.parametrize("verb", VERBS)
def test_each_is_a_function_that_says_what_it_takes_and_gives(verb: str):
    function = getattr(registry, verb)
    assert inspect.isfunction(function) and function.__name__ == verb
    assert function.__module__ == f"stemma.registry.verbs.{verb}"
    assert inspect.getdoc(function)
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        assert parameter.annotation is not parameter.empty, parameter
    assert signature.return_annotation not in (signature.empty, None, "None")


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (["versions"], lambda: registry.versions()),
        (["history", "prod"], lambda: registry.history("prod")),
        (["gates", "v1.0.0"], lambda: registry.gates("v1.0.0")),
        (["register", "HEAD~1", "--dry-run"], lambda: registry.register("HEAD~1", dry_run=True)),
        (["promote", "v1.1.0", "prod", "--dry-run"],
         lambda: registry.promote("v1.1.0", "prod", dry_run=True)),
        (["rollback", "staging", "--dry-run"], lambda: registry.rollback("staging", dry_run=True)),
    ],
    ids=lambda one: one[0] if isinstance(one, list) else "",
)  # fmt: skip
def test_they_return_what_json_prints(tmp_path: Path, words: list[str], call: Any):
    made = Released(tmp_path / "project", {"safe_files": {"also": []}})
    made.in_prod()
    made.make()
    made.candidate()
    told = json.loads(run(made.root, *words, "--json").stdout)
    before = Path.cwd()
    os.chdir(made.root)
    try:
        found = call().as_dict()
    finally:
        os.chdir(before)
    assert json.loads(json.dumps(found)) == told


def test_gates_is_a_function_though_gates_were_judged(tmp_path: Path):
    made = Released(tmp_path / "project", {"safe_files": {"also": []}})
    made.in_prod()
    assert inspect.isfunction(registry.gates)
