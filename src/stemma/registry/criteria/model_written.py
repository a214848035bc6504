"""No more of the training text than a limit is from sources that models have written."""

from collections import Counter
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from stemma.config import Share, settings
from stemma.registry.case import Case, Outcome
from stemma.registry.exported import training_rows
from stemma.store.errors import MissingError
from stemma.store.version import Version
from stemma.versions.contents.sources import FILE, md5_of_sources, read_sources

NAME = "model_written"


@settings
class Settings:
    """Of the gate."""

    sources: Annotated[list[str], Field(min_length=1)]
    """Which sources models have written: patterns such as ``synthetic-*``, held against the names
    and the origins of sources.json."""
    share: Share
    """The most that they may have of the bytes of the training split."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether the share of model-written text is within the limit."""
    rows = training_rows(case, ["source", "bytes"], preferences=True)
    sizes = Counter[str]()
    for source, size in zip(rows["source"].to_pylist(), rows["bytes"].to_pylist(), strict=True):
        sizes[source] += size
    total = sizes.total()
    if total == 0:
        raise MissingError(f"the training split of {case.version.name} has no text", "add some")
    origins = _origins(case.version)
    if unknown := sorted(sizes.keys() - origins.keys()):
        raise MissingError(
            f"{FILE} of {case.version.name} does not say where {unknown[0]} is from",
            "type `dvc repro ingest`",
        )
    written = {
        name: size
        for name, size in sorted(sizes.items())
        if any(
            fnmatchcase(one, pattern)
            for one in (name, *origins[name])
            for pattern in settings.sources
        )
    }
    share = sum(written.values()) / total
    named = ", ".join(f"{name} {size:,}" for name, size in written.items())
    which = f"models have written {named}" if named else f"none of {len(sizes)} sources is named"
    return Outcome(
        NAME,
        share <= settings.share,
        f"{which} of {total:,} bytes of training text: {share:.2%}, at most {settings.share:.2%} "
        "is asked",
        {"share": share, "limit": settings.share, "bytes": total, "sources": written},
    )


def _origins(version: Version) -> dict[str, set[str]]:
    """Return the origins of each source by its name: several of one name cannot be told apart."""
    if md5_of_sources(version) is None:
        return {}
    found: dict[str, set[str]] = {}
    for name, facts in read_sources(version).items():
        origin = str(facts.get("origin", ""))
        # So they are told apart that share a name.
        found.setdefault(name.removesuffix(f" ({origin})"), set()).add(origin)
    return found
