"""prepare: data/raw → data/prepared. Cleans, drops duplicates, splits, tokenises and packs."""

import sys
from typing import Any

from stemma import stage
from stemma.config import settings
from stemma.corpus.settings import PrepareSection
from stemma.corpus.tokenizer.settings import TokenizerSettings
from stemma.files import atomic_directory
from stemma.layout import PREPARED, RAW, REVOKED
from stemma.tasks import TaskSettings, encoding_of


@settings
class PrepareSettings:
    """What prepare reads of params.yaml."""

    prepare: PrepareSection
    tokenizer: TokenizerSettings
    task: TaskSettings


def run(settings: PrepareSettings) -> dict[str, Any]:
    """Make data/prepared of data/raw, and return what its data_report.json says.

    Raises:
        DataError: data/raw is missing or torn, a line of data/revoked.jsonl is wrong, or nothing
            can be made of the documents with these settings.
        SettingsError: a setting names something unknown.
    """
    from stemma.corpus.documents import shards, text_size
    from stemma.corpus.prepare.pipeline import prepare
    from stemma.corpus.revoked import Revoked, read
    from stemma.corpus.sharding.pool import open_pool

    raw, revoked = shards(RAW), Revoked.of(read(REVOKED))
    where = settings.prepare.engine, settings.prepare.workers
    with (
        atomic_directory(PREPARED) as folder,
        open_pool(*where, len(raw), text_size(raw)) as pool,
    ):
        # Beside the result, so that it goes with the temporary folder, whatever happens.
        work = folder.with_name("work")
        work.mkdir()
        encoding = encoding_of(settings.task)
        return prepare(
            raw, folder, work, settings.prepare, settings.tokenizer, encoding, pool, revoked
        )


def main() -> None:
    """Run the stage with the settings of params.yaml, and say what became of the documents."""
    stage.main("prepare", PrepareSettings, lambda settings: _tell(run(settings)))


def _tell(report: dict[str, Any]) -> None:
    from stemma.corpus.prepare.report import notes

    for line in notes(report):
        print(f"stemma prepare: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
