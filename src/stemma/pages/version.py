"""One page on a version, for a terminal of 80 columns and more."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from stemma.layout import BASE, PREPARED, RAW, TRAINED
from stemma.modeling.export.origins import grouped
from stemma.overrides import leaves
from stemma.pages import printing, version_tables
from stemma.pages.beside import collapsed
from stemma.pages.version_tables import count

_LIBRARIES = ("torch", "transformers", "accelerate", "peft", "tokenizers", "safetensors", "numpy")
# The settings that people ask for first; the rest is in --json.
_FEW = 16  # settings of a project that composes none
_SETTINGS = {
    "model": ("layers", "heads", "width", "context"),
    "train": ("method", "optimizer", "learning_rate", "steps", "batch_size", "sequence_length"),
    "runtime": ("threads", "seed"),
}
_SPLITS = ("train", "validation", "test")
_TONES = {"exact": "good", "equivalent": "unknown", "different": "bad"}
_SAMPLES, _LINES, _EDITED = 2, 8, 4
_AIM = 21  # columns of what a suggestion is for, beside its command


def show(
    facts: dict[str, Any],
    labels: Mapping[str, str],
    warnings: Iterable[str],
    suggestions: Sequence[tuple[str, str]],
) -> None:
    """Print one page on a version.

    Args:
        facts: as `stemma show --json` prints them.
        labels: what people call each metric, in the order in which they are shown.
        warnings: what must be known before the version is used, a sentence each.
        suggestions: what to do next, and the command that does it.
    """
    console = printing.console()
    for text in _head(facts, warnings):
        console.print(text)
    for title, content in _sections(facts, labels):
        console.print()
        if title:
            console.print(title, style="bold")
        console.print(content, soft_wrap=isinstance(content, str))
    if suggestions:
        console.print()
        console.print("Next", style="bold")
        for aim, command in suggestions:
            console.print(f"{aim:<{_AIM}}{command}", soft_wrap=True)


def _head(facts: dict[str, Any], warnings: Iterable[str]) -> Iterator[Text]:
    name, commit, made_in = facts["name"], facts["commit"], facts["made_in"]
    title = Text()
    if not (commit and commit.startswith(name)):
        title.append(name, "bold")
    if commit:
        title.append(f"  {commit[:10]}" if title else commit[:10], "commit")
        title.append(f"  {facts['date']}  {facts['author']}")
    yield title
    if commit:
        yield Text(facts["subject"])
        if facts["refs"]:
            yield Text(", ".join(facts["refs"]), "name")
        if made_in and made_in != commit:
            yield Text(f"the version of {made_in[:10]}: its dvc.lock is the same")
    else:
        yield Text(f"committed as {made_in[:10]}" if made_in else "not committed")
        if edited := facts["changed_since"]:
            more = f" and {len(edited) - _EDITED} more" if len(edited) > _EDITED else ""
            yield Text(f"changed since: {', '.join(edited[:_EDITED])}{more}", "unknown")
    yield from _taints(facts["tainted"])
    yield from (Text(warning, "alarm") for warning in warnings)
    if commit:
        yield _verified(facts)


def _taints(tainted: dict[str, Any] | None) -> Iterator[Text]:
    if tainted is None:
        return
    for one in tainted["records"]:
        verb = "measured" if one["split"] == "test" else "trained"
        yield Text(f"tainted: {verb} on {one['id']} (revoked: {one['why']})", "alarm")
    for commit in tainted["through"]:
        yield Text(
            f"tainted: its base descends from {commit[:10]}, trained on what is revoked", "alarm"
        )
    if tainted["unknown"]:
        yield Text(f"tainted or not, it is not known: {tainted['unknown']}", "unknown")


def _verified(facts: dict[str, Any]) -> Text:
    if not facts["verified"]:
        return Text(f"not verified: type `stemma verify {facts['name']}`", "quiet")
    last = facts["verified"][-1]
    where = "" if last["commit"] == facts["commit"] else f" as {last['commit'][:10]}"
    told = f"on {last['time'][:10]} by {last['by']}, {last['machine']}"
    return Text(f"{last['verdict']}{where} {told}", _TONES.get(last["verdict"], ""))


def _sections(facts: dict[str, Any], labels: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, lines in _rows(facts):
        for number, line in enumerate(lines):
            grid.add_row("" if number else label, line)
    if grid.row_count:
        yield "", grid
    if metrics := facts["metrics"]:
        yield version_tables.test_split(metrics), version_tables.metrics(metrics, labels)
    if len(facts["formats"] or ()) > 1:
        yield "Formats", version_tables.formats(facts["formats"], labels)
    for heading, text in list((facts["samples"] or {}).items())[:_SAMPLES]:
        yield f"Sample: {heading}", _short(text)
    if facts["stages"]:
        yield (
            "Stages: what they took and made, and where that is",
            version_tables.stages(facts["stages"], facts["unasked"]),
        )
    if facts["unasked"]:
        asked = ", ".join(f"{name} ({url})" for name, url in facts["unasked"].items())
        yield "", f"Not asked: {asked}. `stemma fsck --remote NAME` asks and reads all of it."


def _rows(facts: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    gone = facts["missing"]
    yield "model", [*_gone(facts, TRAINED), *_model(facts["training"])]
    if facts["commit"] is None:
        yield "made on", [_made_on(facts["observed"])]
    if facts["settings"]:
        yield "settings", list(_settings(facts["settings"]))
    if facts["environment"]:
        yield "environment", [_environment(facts["environment"])]
    yield "data", [*_gone(facts, RAW, PREPARED), *_data(facts["data"])]
    yield "base", [*_gone(facts, BASE), *_base(facts["base"])]
    parents = [
        f"{one['commit'][:10]}  {one['date']}  {_named(one['refs'])}{one['subject']}"
        for one in facts["parents"]
    ]
    yield "parents" if len(parents) > 1 else "parent", parents
    if gone:
        yield "missing", [next(iter(gone.values()))]
    odd = [f"{key} ({kind})" for key, kind in facts["no_numbers"].items()]
    if odd:
        yield "no metric", [f"of the files of metrics, as they are no numbers: {', '.join(odd)}"]


def _gone(facts: dict[str, Any], *outputs: Path) -> Iterator[str]:
    for output in outputs:
        if any(path.startswith(f"{output.as_posix()}/") for path in facts["missing"]):
            # Of the working tree they may well be in the cache.
            lacks = "its bytes are missing" if facts["commit"] else "not in the working tree"
            yield f"{output}: {lacks}"


def _named(refs: list[str]) -> str:
    return f"({', '.join(refs)}) " if refs else ""


def _model(training: dict[str, Any] | None) -> Iterator[str]:
    if training:
        settings, runtime = training["settings"], training["runtime"]
        yield (
            f"{settings['model']['name']}, {training['parameters']:,} parameters, "
            f"{training['tokens_seen']:,} tokens seen, {runtime['precision']} on "
            f"{runtime['device']}"
        )


def _made_on(observed: dict[str, Any] | None) -> str:
    if observed is None:
        return "not known here: it was made elsewhere, or before"
    machine = [observed["processor"]["name"], *observed["gpus"]]
    return f"{', '.join(machine)}, torch {observed['libraries']['torch'][0]}"


def _settings(settings: dict[str, Any]) -> Iterator[str]:
    if not settings["composed"]:
        yield from _written(settings["values"])
        return
    overrides = " ".join(settings["overrides"])
    yield f"conf/ with {overrides}" if overrides else "conf/ as it stands"
    yield " ".join(f"{group}={name}" for group, name in settings["choices"].items())
    for group, keys in _SETTINGS.items():
        section = settings["values"].get(group) or {}
        # Where nothing is trained, how would mislead.
        asked = ("steps",) if section.get("steps") == 0 else keys
        told = [f"{key}={section[key]}" for key in asked if section.get(key) is not None]
        if told:
            yield f"{group}: {' '.join(told)}"


def _written(values: dict[str, Any]) -> Iterator[str]:
    """Yield settings that nobody composed, as many as people would read."""
    told = [f"{key}={value}" for key, value in leaves(values)]
    yield " ".join(told[:_FEW])
    if len(told) > _FEW:
        yield f"and {len(told) - _FEW} more: --json has them"


def _environment(pins: dict[str, str]) -> str:
    told = [f"Python {pins['python']}"] if "python" in pins else []
    return ", ".join([*told, *(f"{name} {pins[name]}" for name in _LIBRARIES if name in pins)])


def _data(data: dict[str, Any] | None) -> Iterator[str]:
    if data is None:
        return
    for one in grouped(data["sources"]):
        version = f" {one['version']}" if one.get("version") else ""
        documents = count(one["documents"], "document")
        yield f"{one['name']}{version}: {documents} from {one['origin']}; licence: {one['license']}"
    if report := data["report"]:
        yield _dropped(report)
        for split in sorted(report["splits"], key=_SPLITS.index):
            size = report["splits"][split]
            yield (
                f"{split}: {count(size['documents'], 'document')}, "
                f"{count(size['tokens'], 'token')}, {decimal(size['bytes'])}"
            )
    if data["revoked"]:
        yield f"{count(data['revoked'], 'record')} on the list of what is revoked"


def _dropped(report: dict[str, Any]) -> str:
    documents = report["documents"]
    if not documents["dropped"]:
        return "no document is dropped"
    sums = {reason: sum(by.values()) for reason, by in report["dropped"].items()}
    reasons = ", ".join(f"{number} {reason}" for reason, number in sums.items())
    return f"{documents['dropped']:,} of {documents['raw']:,} documents are dropped: {reasons}"


def _base(base: dict[str, Any] | None) -> Iterator[str]:
    if base:
        yield base["origin"]
        digest = f"digest {base['md5'][:8]}" if base["md5"] else ""
        yield ", ".join(filter(None, [_commit_of(base), base.get("license"), digest]))
        related = [("parent", one) for one in base.get("parents") or ()]
        related += [("ancestor", base["ancestor"])] if base.get("ancestor") else []
        for role, one in related:
            told = filter(None, [one["origin"], _commit_of(one), one.get("license")])
            yield f"{role} {', '.join(told)}"


def _commit_of(base: dict[str, Any]) -> str:
    return base["version"][:10] if base["origin"].startswith("stemma://") else ""


def _short(text: str) -> str:
    lines = collapsed(text.strip()).splitlines()
    return "\n".join(["  " + line for line in lines[:_LINES]] + ["  …"] * (len(lines) > _LINES))
