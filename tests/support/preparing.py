"""data/prepared made of documents given in a test, by the shipped settings."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from stemma.config import build
from stemma.corpus.documents import Document, shards, write_shards
from stemma.corpus.prepare.pipeline import prepare
from stemma.corpus.revoked import NOTHING, Revoked
from stemma.corpus.sharding.pool import Pool, SerialPool
from stemma.modeling.task import encoding_of
from stemma.stages.prepare import PrepareSettings

CONF = Path(__file__).parents[2] / "conf"


def load(
    recipe: str = "default",
    task: str = "causal_lm",
    tokenizer: dict[str, Any] | None = None,
    **changes: Any,
) -> PrepareSettings:
    """Return the shipped settings, shrunk; ``split__test`` changes prepare.split.test."""
    bpe = yaml.safe_load((CONF / "tokenizer/bpe.yaml").read_text()) | {"vocab_size": 300}
    raw = {
        "prepare": yaml.safe_load((CONF / f"prepare/{recipe}.yaml").read_text()),
        "tokenizer": tokenizer if tokenizer and "kind" in tokenizer else bpe | (tokenizer or {}),
        "task": yaml.safe_load((CONF / f"task/{task}.yaml").read_text()),
    }
    raw["prepare"]["split"] |= {"validation": 0.2, "test": 0.2}
    for key, value in changes.items():
        *path, last = key.split("__")
        section = raw["prepare"]
        for part in path:
            section = section[part]
        section[last] = value
    return build(PrepareSettings, raw, "test")


def prepared(
    root: Path,
    documents: Iterable[Document],
    settings: PrepareSettings,
    pool: Pool | None = None,
    name: str = "out",
    revoked: Revoked = NOTHING,
) -> Path:
    """Return the folder that prepare makes."""
    raw, folder, work = (root / f"{name}-{part}" for part in ("raw", "prepared", "work"))
    for path in (raw, folder, work):
        path.mkdir()
    write_shards(raw, documents)
    found = shards(raw)
    encoding = encoding_of(settings.task)
    pool = pool or SerialPool()
    prepare(found, folder, work, settings.prepare, settings.tokenizer, encoding, pool, revoked)
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return the manifest."""
    return pq.read_table(folder / "manifest.parquet").to_pylist()


def report_of(folder: Path) -> dict[str, Any]:
    """Return data_report.json."""
    return json.loads((folder / "data_report.json").read_text())
