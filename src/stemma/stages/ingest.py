"""First stage: copy the documents of a source into data/raw, and record where they are from."""

from stemma import stage
from stemma.config import settings
from stemma.corpus.sources.settings import SourceSettings
from stemma.layout import RAW


@settings
class IngestSettings:
    """What ingest depends on."""

    source: SourceSettings


def run(settings: IngestSettings) -> None:
    """Write data/raw: shards of documents, and sources.json.

    Raises:
        SourceError: the source is empty, cannot be read, or holds something that is no document.
    """
    from stemma.corpus.documents import write_shards
    from stemma.corpus.sources import parts
    from stemma.corpus.sources.intake import Intake
    from stemma.files import atomic_directory, write_json

    intake = Intake(parts(settings.source))
    with atomic_directory(RAW) as folder:
        write_shards(folder, intake)
        write_json(folder / "sources.json", {"sources": intake.entries})


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("ingest", IngestSettings, run)


if __name__ == "__main__":
    main()
