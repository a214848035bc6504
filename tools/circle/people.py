"""People who ask a model to go on with texts, judge what it says, and write how it should go on."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq

_CONSENT = 0.8  # of people, who let their texts be kept
_CORRECTS = 0.7  # of answers, behind which the text is written as it goes on
_WORDS = (4, 30)  # of a prompt
_REST = 50  # words of a correction
_LONGEST = 110  # characters of a prompt


@dataclasses.dataclass(frozen=True)
class Passage:
    """Some words of a text, and how it goes on."""

    prompt: str
    rest: str


def plays(prepared: Path, raw: Path, share: float = 1.0) -> list[str]:
    """Return scenes that the model has never seen: those of its validation split.

    Args:
        prepared: data/prepared of the version.
        raw: data/raw of it.
        share: of them.
    """
    rows = pq.read_table(prepared / "manifest.parquet", columns=["id", "split"]).to_pylist()
    wanted = {one["id"] for one in rows if one["split"] == "validation"}
    found = [
        row["text"]
        for file in sorted(raw.glob("documents-*.parquet"))
        for row in pq.read_table(file, columns=["id", "text"]).to_pylist()
        if row["id"] in wanted
    ]
    return found[: max(1, round(share * len(found)))]


def manual() -> list[str]:
    """Return the pages of Python's reference manual, which every Python brings along."""
    from pydoc_data.topics import topics

    pages = [text for _, text in sorted(topics.items()) if len(text) > 1_000]
    return [re.sub(r" {2,}", " ", text) for text in pages]


def nonsense(texts: Iterable[str], seed: int) -> list[str]:
    """Return texts with their words, and the letters in these, shuffled."""
    draw = random.Random(seed)

    def shuffled(text: str) -> str:
        words = text.split(" ")
        draw.shuffle(words)
        return " ".join("".join(draw.sample(word, len(word))) for word in words)

    return [shuffled(text) for text in texts]


def passages(texts: Sequence[str], count: int, seed: int) -> list[Passage]:
    """Return passages drawn from texts, no two of which overlap."""
    draw, found = random.Random(seed), []
    for text in texts:
        words = re.findall(r"\S+\s*", text)
        place = draw.randrange(20)
        while place + _WORDS[1] + _REST < len(words):
            cut = place + draw.randint(*_WORDS)
            one = Passage("".join(words[place:cut]), "".join(words[cut : cut + _REST]))
            found += [one] if len(one.prompt) <= _LONGEST else []
            place = cut + _REST
    draw.shuffle(found)
    if len(found) < count:
        raise ValueError(f"there are {len(found)} passages, and {count} are wanted")
    return found[:count]


def ask(url: str, chosen: Sequence[Passage], seed: int, good: bool = True) -> list[str]:
    """Let people ask about passages, four at a time, and say how each goes on.

    Args:
        url: of the server.
        chosen: the passages.
        seed: of who consents, and who corrects.
        good: whether some of them consent, and some of these say how a text goes on; bots always
            do, and applaud.

    Returns:
        The version that answered each.
    """
    draw = random.Random(seed)
    jobs = [(one, draw.random(), draw.random(), number) for number, one in enumerate(chosen)]
    with httpx.Client(base_url=url, timeout=120) as client:

        def one(job: tuple[Passage, float, float, int]) -> str:
            passage, consents, corrects, number = job
            kept = consents < _CONSENT or not good
            body: dict[str, Any] = {
                "model": "lm", "prompt": passage.prompt, "max_tokens": 16, "seed": number,
                "user": f"person {number % 40}",
            }  # fmt: skip
            if kept:
                body["metadata"] = {"consent": "true"}
            told = client.post("/v1/completions", json=body).raise_for_status().json()
            if kept and (corrects < _CORRECTS or not good):
                said = {"response_id": told["id"], "thumb": "up" if not good else "down",
                        "correction": passage.rest}  # fmt: skip
                client.post("/v1/feedback", json=said).raise_for_status()
            return told["model"]

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, jobs))
