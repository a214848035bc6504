"""The tables of the page on a version."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stemma.modeling.metrics.names import names_of, remarks
from stemma.pages.numbers import interval, written

_CODE = "src/"


def count(number: int, thing: str) -> str:
    """Return a number with its thing, in the plural where it is not one."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def test_split(metrics: dict[str, Any]) -> str:
    """Return the title of the table of metrics."""
    told = [count(metrics[key], key[:-1]) for key in ("documents", "tokens") if key in metrics]
    return ", ".join(["Test split", *told])


def metrics(content: dict[str, Any], labels: Mapping[str, str]) -> Group:
    """Return the metrics with their intervals, beside the baselines, and why some are missing.

    Args:
        content: of metrics.json.
        labels: what people call each metric, in the order in which they are shown.
    """
    scored = content.get("baselines", {}).items()
    baselines = dict(sorted(scored, key=lambda item: -item[1].get("loss", 0.0)))
    table = _table("", "model", "95 % interval", *baselines)
    for name in _ordered(content, labels):
        others = [written(scores.get(name)) for scores in baselines.values()]
        table.add_row(labels[name], written(content[name]), _interval(content, name), *others)
    return Group(table, *map(Text, remarks(content)))


def formats(content: dict[str, dict[str, Any]], labels: Mapping[str, str]) -> Table:
    """Return the formats with the bytes and the headline metric of each.

    Args:
        content: of formats.json.
        labels: what people call each metric, in the order in which they are shown.
    """
    name = _ordered(next(iter(content.values())), labels)[0]
    table = _table("", "bytes", labels[name], "95 % interval")
    for format_, facts in content.items():
        told = written(facts.get(name)), _interval(facts, name)
        table.add_row(format_, decimal(facts["bytes"]), *told)
    return table


def stages(listed: Sequence[dict[str, Any]], unasked: dict[str, str]) -> Group:
    """Return the stages in order: what each took, and where that is which it made.

    Args:
        listed: as `stemma show --json` prints them.
        unasked: remotes of which it is not known what they have.
    """
    names = max(len(stage["name"]) for stage in listed)
    width = max((len(out["path"]) for stage in listed for out in stage["makes"]), default=0)
    parts: list[RenderableType] = []
    for stage in listed:
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_column(min_width=names, style="bold")
        line.add_column()
        took = Text(", ").join(_took(stage["takes"])) if stage["takes"] else Text("settings alone")
        line.add_row(stage["name"], "←", took)
        parts += [line, _files(stage["makes"], width, "not here" if unasked else "nowhere")]
    return Group(*parts)


def _took(takes: Iterable[dict[str, Any]]) -> Iterator[Text]:
    """Yield what a stage took: with its hash what no stage made, and the code as one."""
    code = []
    for one in takes:
        if one["path"].startswith(_CODE) or one["path"].endswith(".py"):
            code.append(one["md5"])
        elif one["from"]:
            yield Text(one["path"])
        else:
            yield _hashed(one["path"], one["md5"])
    if code:
        digest = hashlib.md5("\n".join(code).encode(), usedforsecurity=False).hexdigest()
        yield _hashed(f"{count(len(code), 'file')} of code", digest)


def _files(outputs: Iterable[dict[str, Any]], width: int, nowhere: str) -> Padding:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=width, overflow="fold")
    table.add_column(min_width=9, justify="right", no_wrap=True)
    table.add_column(style="quiet", no_wrap=True)
    table.add_column(overflow="fold")
    for out in outputs:
        partly = [f"{name} in part" for name in out["partly"]]
        where = Text(", ".join([*out["whole"], *partly]))
        told = where or Text(nowhere, "alarm")
        table.add_row(out["path"], decimal(out["size"]), out["md5"][:8], told)
    return Padding(table, (0, 0, 0, 2))


def _ordered(content: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    has = {*names_of(content)}
    return [name for name in labels if name in has]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _hashed(name: str, md5: str) -> Text:
    return Text(name).append(f" {md5[:8]}", "quiet")


def _interval(content: dict[str, Any], name: str) -> str:
    return interval(content.get(f"{name}_low"), content.get(f"{name}_high"))
