"""The texts that the model was trained on hold no more personal data than a limit.

They are read from the tokens of the training split, so that what was dropped, cut off or masked
before training does not count: a mask such as <EMAIL> is no address.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from stemma.config import build, settings
from stemma.corpus.prepare.upsample import copied
from stemma.corpus.settings import PersonalSettings, UpsampleSettings
from stemma.registry.case import Case, Outcome
from stemma.registry.exported import training_ids, training_split
from stemma.store.errors import DamagedError
from stemma.versions.contents.settings import read_settings

NAME = "personal_data"
# Each kind is masked before the next is looked for, as in prepare, so that none counts twice.
_ALL = PersonalSettings(email="mask", phone="mask", ip="mask", card="mask", secret="mask")
_KINDS = tuple(field.name for field in dataclasses.fields(PersonalSettings))  # type: ignore[arg-type]
_NAMED = 5  # documents


def _check(kind: str) -> str:
    if kind not in _KINDS:
        raise ValueError(f"there are {', '.join(_KINDS)}")
    return kind


@settings
class Settings:
    """Of the gate."""

    kinds: Annotated[list[Annotated[str, AfterValidator(_check)]], Field(min_length=1)]
    """What counts, of the kinds that prepare knows: email, phone, ip, card, secret."""
    per_million_characters: Annotated[float, Field(ge=0)]
    """How many passages of these kinds together may stand in a million characters."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether the training texts hold no more than the limit."""
    from tqdm import tqdm

    from stemma.corpus.cleaning.personal import treat

    ids, kinds = training_ids(case), dict.fromkeys(settings.kinds)
    counts, where, characters = Counter[str](), list[str](), 0
    with training_split(case) as folder:
        texts = _texts(folder, ids, case)
        bar = tqdm(texts, NAME, len(ids), unit="", disable=None, delay=2, leave=False)
        for name, text in zip(ids, bar, strict=True):
            characters += len(text)
            found = {k: n for k, n in treat(text, _ALL)[1].items() if k in kinds}
            counts.update(found)
            where += [name] if found else []
    rate = counts.total() / max(characters, 1) * 1e6
    passed, limit = rate <= settings.per_million_characters, settings.per_million_characters
    told = ", ".join(f"{kind} {counts[kind]}" for kind in kinds)
    first = f"; in {', '.join(where[:_NAMED])}" if where else ""
    more = f" and {len(where) - _NAMED} more documents" if len(where) > _NAMED else ""
    return Outcome(
        NAME,
        passed,
        f"{told} in {characters:,} characters of {len(ids):,} training documents: {rate:.4g} per "
        f"million, at most {limit:g} is asked{first}{more}",
        {
            "counts": {kind: counts[kind] for kind in kinds}, "characters": characters,
            "per_million_characters": rate, "limit": limit, "documents": len(ids),
            "documents_with": len(where), "first": where[:_NAMED],
        },
    )  # fmt: skip


def _texts(folder: Path, ids: list[str], case: Case) -> Iterator[str]:
    from stemma.corpus.packing import read_split
    from stemma.modeling.evaluation.restoring import Restorer

    split, restorer = read_split(folder, "train"), Restorer(folder / "tokenizer")
    expected = len(ids) + len(_copies(ids, case))
    if len(split.offsets) - 1 != expected:
        raise DamagedError(
            f"by the manifest of {case.version.name} there are {expected} training documents, and "
            f"the split has {len(split.offsets) - 1}",
            "type `dvc repro prepare`",
        )
    for start, end in itertools.pairwise(split.offsets[: len(ids) + 1].tolist()):
        yield restorer.spell(split.tokens[start:end].tolist())


def _copies(ids: list[str], case: Case) -> list[int]:
    """Return which documents stand in the split again, as they count several times."""
    told = read_settings(case.version)
    given = told[0].get("prepare", {}).get("upsample") if told else None
    if not given:
        return []
    return copied(ids, build(UpsampleSettings, given, "params.yaml", "prepare.upsample"))
