"""What stands in deploy/: options, names of metrics and times, against what the server has."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from project import ROOT

from stemma.cli import main
from stemma.monitoring.watching.live import Gauges
from stemma.serving import settings
from stemma.serving.canary import OURS
from stemma.serving.metrics import Metrics

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)
UNIT = (DEPLOY / "stemma-serve.service").read_text(encoding="utf-8")
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
BOARD = json.loads((DEPLOY / "grafana/dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
NAME = re.compile(r"\b(?:(?:vllm|stemma):|stemma_watch_)\w+")


def declared() -> dict[str, tuple[str, set[str]]]:
    """Return the family and the labels of each series that a server tells."""
    metrics = Metrics()
    meter = metrics.of("lm", "v1.0.0")
    meter.role("current")
    meter.failed("engine")
    meter.shadowed(True)
    metrics.changes.labels("lm", "v1.0.0", "taken")
    metrics.refused.labels("lm", "v1.0.0", "torn")
    gauges = Gauges()
    for one in (gauges.effect, gauges.p, gauges.alarm, gauges.sample):
        one.labels("lm@v1.0.0", "nats")
    gauges.last.labels("lm@v1.0.0")
    return {
        sample.name: (family.name, set(sample.labels))
        for registry in (metrics.registry, gauges.registry)
        for family in registry.collect()
        for sample in family.samples
    }


SERIES = declared()


def asked() -> list[str]:
    """Return the expressions of the dashboard and of the alerts."""
    board = [one["expr"] for panel in BOARD["panels"] for one in panel["targets"]]
    variables = [
        one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query"
    ]
    rules = [rule["expr"] for group in ALERTS["groups"] for rule in group["rules"]]
    return board + variables + rules


@pytest.mark.parametrize("expression", asked())
def test_what_is_asked_is_told(expression: str):
    names = NAME.findall(expression)
    assert names or expression.startswith("up{")
    for name in names:
        assert name in SERIES
    labels = {
        word.strip()
        for group in re.findall(r"by \(([^)]*)\)", expression)
        for word in group.split(",")
    } | set(re.findall(r'(\w+)=?[~=]"', expression))
    assert labels <= {"instance", "job"}.union(*(SERIES[name][1] for name in names))


def test_the_dashboard_shows_everything_that_is_told():
    text = json.dumps(BOARD)
    shown = {SERIES[name][0] for name in NAME.findall(text)}
    assert shown == {family for family, _ in SERIES.values()}


SERVER_WIDE = "stemma:records_lost_total"  # of no version


def test_every_panel_tells_versions_apart_and_names_them():
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            if SERVER_WIDE not in target["expr"]:
                assert "by (version" in target["expr"]
                assert 'version=~"$version"' in target["expr"]
            by = set(re.findall(r"by \(([^)]*)\)", target["expr"])[0].split(", ")) - {"le"}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) == by


def test_panels_do_not_lie_on_one_another():
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24
        taken |= cells


def test_failures_that_alert_are_those_that_drop_a_canary():
    rule = next(r for g in ALERTS["groups"] for r in g["rules"] if r["alert"] == "StemmaFails")
    assert set(re.findall(r'reason=~"([^"]*)"', rule["expr"])[0].split("|")) == set(OURS)


def commands() -> dict[str, list[str]]:
    """Return the words that each file gives to `stemma`."""
    start = json.loads(re.findall(r"^ENTRYPOINT (.*)$", CONTAINER, re.MULTILINE)[0])
    given = json.loads(re.findall(r"^CMD (.*)$", CONTAINER, re.MULTILINE)[0])
    unit = shlex.split(re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)[0])
    return {
        "container": start[1:] + given,
        "unit": unit[1:],
        "compose": start[1:] + COMPOSE["services"]["server"]["command"],
    }


def parsed(words: list[str]) -> dict[str, Any]:
    """Return what a verb is told, as the command line reads it.

    Raises:
        click.UsageError: it has no such option.
    """
    name, *rest = words
    verb = main.get_command(click.Context(main), name)
    assert verb
    context = verb.make_context(name, rest, parent=click.Context(main))
    return {"verb": name, **context.params}


@pytest.mark.parametrize("name", commands())
def test_commands_are_such_as_stemma_has(name: str):
    told = parsed(commands()[name])
    assert told["verb"] == "serve" and told["stage"] == "prod" and told["fetch"]
    assert told["keys"], "others can reach it"


@pytest.mark.parametrize("name", ["stemma-serve.service", "compose.yaml"])
def test_the_commands_told_at_the_head_are_such_as_stemma_has(name: str):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    lines = re.findall(r"^#\s+(?:\S*/)?stemma (.*)$", text, re.MULTILINE)
    assert lines
    for line in lines:
        assert parsed(shlex.split(line.partition(">")[0]))["path"].name == "keys.yaml"


def test_it_is_killed_only_after_what_it_answers_may_take():
    drain = settings.read(Path("/nowhere")).drain_seconds
    stop = int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[0])
    grace = int(COMPOSE["services"]["server"]["stop_grace_period"].removesuffix("s"))
    assert min(stop, grace) > 2 * drain, "what runs, and what a version before still answers"
    start = int(COMPOSE["services"]["server"]["healthcheck"]["start_period"].removesuffix("s"))
    assert start >= settings.read(Path("/nowhere")).start_seconds


def test_nothing_is_reached_from_other_machines():
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_files_that_are_mounted_are_there():
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith("./") or (DEPLOY / source).exists()
            assert source.startswith(("./", "$")) or source in COMPOSE["volumes"]
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    build = COMPOSE["services"]["server"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for words in re.findall(r"^COPY (.*) \S+$", CONTAINER, re.MULTILINE):
        assert all((ROOT / word).exists() for word in words.split())


def test_prometheus_asks_the_server_with_the_key_that_it_is_given():
    told = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = told["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["server:8000"]
    (secret,) = COMPOSE["services"]["prometheus"]["secrets"]
    assert job["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    assert told["rule_files"] == ["alerts.yml"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus")
def test_prometheus_takes_its_files():
    for words in (["config", "--syntax-only", "prometheus.yml"], ["rules", "alerts.yml"]):
        subprocess.run(["promtool", "check", *words], cwd=DEPLOY, check=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_says_at_its_head_what_was_tried(path: Path):
    text = path.read_text(encoding="utf-8")
    head = BOARD["description"] if path.suffix == ".json" else "".join(text.splitlines()[:12])
    assert "Tried" in head and "@@" not in text
    if path.suffix in (".yaml", ".yml"):
        assert yaml.safe_load(text)
