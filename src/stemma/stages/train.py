"""The train stage: data/prepared -> models/trained and the curves in reports/plots."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from stemma import stage
from stemma.config import settings
from stemma.environment import ENVIRONMENT, RuntimeSettings
from stemma.errors import DataError, SettingsError
from stemma.files import atomic_directory, write_json
from stemma.layout import PLOTS, PREPARED, RUNS, TRAINED
from stemma.modeling import observed
from stemma.modeling.building import ModelSettings
from stemma.modeling.runtime import Runtime, start
from stemma.modeling.task import TaskSettings, training_of
from stemma.modeling.training import TrainSection


@settings
class TrainSettings:
    """The sections that train reads."""

    model: ModelSettings
    task: TaskSettings
    train: TrainSection
    runtime: RuntimeSettings

    def __post_init__(self) -> None:
        if self.model.context is not None and self.train.sequence_length > self.model.context:
            raise SettingsError(
                f"train.sequence_length {self.train.sequence_length} is longer than "
                f"model.context {self.model.context}",
                "lower the one or raise the other",
            )
        most = getattr(self.task, "max_tokens", 0)
        if self.model.context is not None and most > self.model.context:
            raise SettingsError(
                f"task.max_tokens {most} is more than model.context {self.model.context}",
                "lower the one or raise the other",
            )


def run(settings: TrainSettings) -> None:
    """Train, going on from where a killed run of the same settings, data and code stopped.

    Raises:
        DataError: data/prepared is missing, torn or too small.
        ModelError: the loss is no number, or the device is not there.
    """
    started = start(settings.runtime)

    import transformers

    from stemma.corpus.encoding import Encoder
    from stemma.modeling import checkpoints
    from stemma.modeling.building import Tokens
    from stemma.modeling.trainer import LanguageTrainer, write_curves

    task, section = training_of(settings.task), settings.train
    examples, held_out = task.examples(settings.task, PREPARED, section, started.seed)
    encoder = Encoder(PREPARED / "tokenizer")
    _check_ids(encoder.size)
    auto = getattr(transformers, task.AUTO)
    tokens = Tokens(encoder.size, encoder.end_of_text, encoder.padding)
    model = settings.model.build(auto, tokens, task.head(settings.task, PREPARED))
    made_with = _made_with(settings, started)
    name = checkpoints.fingerprint(made_with, _inputs())
    folder = RUNS / "train" / name
    trainer = LanguageTrainer(model, task, section, started, folder, examples, held_out)  # type: ignore[arg-type]
    resumed = checkpoints.latest(folder / "checkpoints")
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    if trainer.is_world_process_zero():
        write_curves(trainer.state.log_history, section, PLOTS)
        _save(model, _facts(model, section, trainer.state, examples.tokens_seen, made_with))
        shutil.rmtree(folder / "checkpoints")


def _check_ids(size: int) -> None:
    from stemma.corpus.packing import read_split

    largest = int(read_split(PREPARED, "train").tokens.max())
    if largest >= size:
        raise DataError(
            f"{PREPARED} holds id {largest}, but its tokenizer has {size} entries",
            "type `dvc repro prepare`, or `dvc checkout` to restore the files",
        )


def _inputs() -> list[Path]:
    files = [*PREPARED.glob("*.npy"), *PREPARED.glob("tokenizer/*"), ENVIRONMENT]
    return [file for file in files if file.exists()]


def _made_with(settings: TrainSettings, started: Runtime) -> dict[str, Any]:
    # What the declared runtime came to, and nothing of it that changes no byte.
    declared = dataclasses.asdict(settings)
    del declared["runtime"]
    return {"settings": declared, "runtime": dataclasses.asdict(started)}


def _facts(
    model: Any, section: TrainSection, state: Any, tokens: int, made_with: dict[str, Any]
) -> dict[str, Any]:
    # With patience the weights are those of the best validation loss.
    steps = state.global_step if section.patience is None else state.best_global_step
    return {
        **made_with,
        "parameters": model.num_parameters(),
        "steps": steps,
        "tokens_seen": tokens * steps // section.steps,
    }


def _save(model: Any, facts: dict[str, Any]) -> None:
    # Trainer switches it off; who loads the model to write with it wants it on.
    model.config.use_cache = True
    with atomic_directory(TRAINED) as folder:
        model.save_pretrained(folder)
        for file in sorted((PREPARED / "tokenizer").iterdir()):
            shutil.copyfile(file, folder / file.name)
        write_json(folder / "training.json", facts)
        observed.record(folder)


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("train", TrainSettings, run)


if __name__ == "__main__":
    main()
