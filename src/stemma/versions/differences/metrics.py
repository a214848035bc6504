"""How the metrics changed, and whether the difference is real: paired by example."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stemma.pages.blocks import Block, Cell, Table, Text, Tone
from stemma.pages.numbers import digits_for, interval, written
from stemma.statistics.significance import CONFIDENCE
from stemma.store.version import Version
from stemma.versions.comparison.measuring import TASK
from stemma.versions.comparison.pairs import Pairs
from stemma.versions.comparison.tested import ROUNDS, Comparison, Tested, compare_versions
from stemma.versions.contents.measured import metrics_match
from stemma.versions.contents.metrics import metric, metric_values, read_metrics
from stemma.versions.differences.section import Alike, Section, without

_SHOWN = 5
NAME = "metrics"


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the metrics of two versions on their test splits.

    Returns:
        EQUAL if they are the same; ABSENT if neither version has any, or if one of them is only a
        model.

    Raises:
        ProjectError: a file of a version is torn.
    """
    left, right = read_metrics(a), read_metrics(b)
    if left is None or right is None:
        has = left is not None, right is not None
        return without(NAME, (a, b), has, Path(a.declared.metrics), "metrics")
    same = metric_values(left) == metric_values(right) and _same_examples(a, b)
    if same and False not in (metrics_match(a), metrics_match(b)):
        return Alike.EQUAL
    found = compare_versions(a, b, left, right)
    return Section(
        NAME,
        _words(found, left, right),
        _facts(found, left, right),
        tuple(_blocks(found, (a.name, b.name), left, right)),
        _headline(found),
    )


def _same_examples(a: Version, b: Version) -> bool:
    return a.get(a.declared.examples) == b.get(b.declared.examples)


def _headline(found: Comparison) -> tuple[Cell, ...]:
    """Return what got worse, what got better and what just changed; or why that cannot be said."""
    tested = _spoken(found)
    if not tested:
        return (Cell("Whether it is better cannot be said: no metric can be compared."),)
    told: dict[Tone, list[str]] = {"worse": [], "better": [], "": []}
    for one in tested.values():
        if one.real:
            told[_tone(one)].append(_briefly(one))
    cells = [
        Cell(f"{tone.capitalize() or 'Changed'}: {', '.join(changes)}.", tone)
        for tone, changes in told.items()
        if changes
    ]
    return tuple(cells) or (
        Cell(f"No real difference: {', '.join(map(_briefly, tested.values()))}."),
    )


def _briefly(tested: Tested) -> str:
    one, shown = tested.difference, _shown(tested)
    return (
        f"{tested.metric.label} {shown(one.b - one.a, '+')} "
        f"[{shown(one.low, '+')} to {shown(one.high, '+')}]"
    )


def _tone(tested: Tested) -> Tone:
    return tested.metric.tone(tested.difference.b - tested.difference.a)


def _spoken(found: Comparison) -> dict[str, Tested]:
    """Return the first metric of each aspect, which speaks for the others of that aspect."""
    first: dict[str, str] = {}
    for name, one in found.tested.items():
        first.setdefault(one.metric.aspect, name)
    return {name: found.tested[name] for name in first.values()}


def _words(
    found: Comparison, left: dict[str, Any], right: dict[str, Any]
) -> tuple[str | Cell, ...]:
    tested = _spoken(found)
    real = [Cell(_real(one), _tone(one)) for one in tested.values() if one.real]
    none = [_none(one, found) for one in tested.values() if not one.real]
    return (*real, *none, *_untested(found, left, right), *_measuring(found))


def _real(tested: Tested) -> str:
    one, shown = tested.difference, _shown(tested)
    change = one.b - one.a
    verb = "rose" if change > 0 else "fell"
    tone = _tone(tested)
    return (
        f"{_begun(tested)} {verb} from {shown(one.a)} to {shown(one.b)} "
        f"({shown(change, '+')}, {CONFIDENCE} {shown(one.low, '+')} to {shown(one.high, '+')}, "
        f"{_p(tested.corrected)}): real, and {tone or 'which direction is better is not known'}."
    )


def _none(tested: Tested, found: Comparison) -> str:
    assert found.pairs
    documents = f"{len(found.pairs.ids)} documents"
    if not tested.difference.error and tested.difference.a == tested.difference.b:
        return f"{_begun(tested)}: the same in all {documents}."
    return (
        f"{_begun(tested)}: no difference that {documents} could show "
        f"(the smallest they could: {_shown(tested)(tested.smallest)})."
    )


def _begun(tested: Tested) -> str:
    """Return the label of a metric as it begins a sentence."""
    label = tested.metric.label
    return label[0].upper() + label[1:]


def _untested(found: Comparison, left: dict[str, Any], right: dict[str, Any]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for name, why in found.untested.items():
        values = " and ".join(written(side.get(name)) or "none" for side in (left, right))
        reasons.setdefault(why, []).append(f"{metric(name).label} ({values})")
    return [f"Not to be compared: {', '.join(of)}: {why}." for why, of in reasons.items()]


def _measuring(found: Comparison) -> list[str]:
    keys = {key: sides for key, sides in found.measuring.items() if key != TASK}
    if not keys:
        return []
    changes = ", ".join(f"{key} {one} and {other}" for key, (one, other) in keys.items())
    return [f"They were not measured alike ({changes}): a difference may stem from that."]


def _facts(found: Comparison, left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    pairs = found.pairs
    return {
        "headline": {"a": metric_values(left), "b": metric_values(right)},
        "pairs": len(pairs.ids) if pairs else 0,
        "only_a": pairs.only_a if pairs else [],
        "only_b": pairs.only_b if pairs else [],
        "changed": pairs.changed if pairs else [],
        "texts_compared_by_hash": pairs.hashed if pairs else False,
        "measuring": {key: list(sides) for key, sides in found.measuring.items()},
        "resamples": ROUNDS,
        "tested": {
            name: {
                **dataclasses.asdict(one.difference),
                "difference": one.difference.b - one.difference.a,
                "corrected": one.corrected,
                "smallest": one.smallest,
                "better": one.metric.better,
                "real": one.real,
            }
            for name, one in found.tested.items()
        },
        "untested": found.untested,
    }


def _blocks(
    found: Comparison, names: tuple[str, str], left: dict[str, Any], right: dict[str, Any]
) -> list[Block]:
    blocks: list[Block] = []
    if found.pairs:
        blocks.append(Text(_paired(found.pairs, names)))
    if found.tested:
        aspects = len({one.metric.aspect for one in found.tested.values()})
        blocks += [
            Table(
                "Over the documents of both",
                (
                    "metric",
                    *names,
                    "change",
                    f"{CONFIDENCE} interval",
                    "p",
                    "smallest to be seen",
                    "verdict",
                ),
                tuple(map(_row, found.tested.values())),
                frozenset(range(1, 7)),
            ),
            Text(
                "Intervals: paired bootstrap over documents. p: paired permutation test (McNemar's "
                f"where a document is right or wrong), {ROUNDS:,} rounds, corrected for {aspects} "
                f"test{'s' * (aspects != 1)} (Holm). Smallest: what would be found four times in "
                "five."
            ),
        ]
    whole = found.pairs and not (found.pairs.only_a or found.pairs.only_b or found.pairs.changed)
    if found.untested or not whole:
        blocks.append(
            Table(
                "Over each one's own test split",
                ("metric", *names),
                tuple(
                    (metric(name).label, written(left.get(name)), written(right.get(name)))
                    for name in metric_values(left | right)
                ),
                frozenset({1, 2}),
            )
        )
    return blocks + [Text(line) for line in (*_untested(found, left, right), *_measuring(found))]


def _row(tested: Tested) -> tuple[str | Cell, ...]:
    one, shown = tested.difference, _shown(tested)
    change = one.b - one.a
    tone = _tone(tested) if tested.real else "muted"
    return (
        tested.metric.label,
        shown(one.a),
        shown(one.b),
        Cell(shown(change, "+"), tone),
        interval(one.low, one.high, _digits(tested), "+"),
        _p(tested.corrected).removeprefix("p = ").removeprefix("p "),
        shown(tested.smallest),
        Cell(tone or "changed" if tested.real else "not real", tone),
    )


def _paired(pairs: Pairs, names: tuple[str, str]) -> str:
    parts = [f"Paired by document: {len(pairs.ids)} are the same in the test split of both"]
    for name, ids in zip(names, (pairs.only_a, pairs.only_b), strict=True):
        if ids:
            parts.append(f"{len(ids)} only in that of {name} ({_some(ids)})")
    if pairs.changed:
        parts.append(f"{len(pairs.changed)} left out since they changed ({_some(pairs.changed)})")
    # Of anybody's results nothing but the id tells what an example is.
    how = "size only: no manifest.parquet at hand" if "bytes" in pairs.a else "their ids alone"
    known = "" if pairs.hashed else f" (told by {how})"
    return f"{', '.join(parts)}{known}."


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")


def _shown(tested: Tested) -> Callable[..., str]:
    """Return a function that writes a number with two digits that the interval leaves open."""
    digits = _digits(tested)
    return lambda value, sign="": written(value, digits, sign)


def _digits(tested: Tested) -> int:
    return digits_for(tested.difference.high - tested.difference.low)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
