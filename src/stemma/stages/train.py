"""The train stage: data/prepared -> models/trained and the curves in reports/plots."""

import dataclasses
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from stemma import stage
from stemma.closure import closure
from stemma.config import settings
from stemma.environment import RuntimeSettings
from stemma.errors import DataError, SettingsError
from stemma.files import atomic_directory, write_json
from stemma.layout import BASE, ENVIRONMENT, PLOTS, PREPARED, RUNS, TRAINED
from stemma.modeling import observed, processes
from stemma.modeling.family import ModelSettings
from stemma.modeling.runtime import Runtime, start
from stemma.modeling.training.settings import TrainSection
from stemma.tasks import TaskSettings, training_of


@settings
class TrainSettings:
    """The sections that train reads."""

    model: ModelSettings
    task: TaskSettings
    train: TrainSection
    runtime: RuntimeSettings

    def __post_init__(self) -> None:
        self.check_context(self.model.context)
        if self.model.base is None and self.train.method != "full":
            raise SettingsError(
                f"train.method is '{self.train.method}', but model.base is null",
                "there is nothing to adapt: use -S train=scratch, or a model with a base",
            )
        if self.model.base is None and self.train.preference is not None:
            raise SettingsError(
                f"train.preference.loss is '{self.train.preference.loss}', but model.base is null",
                "preferences change what a model does already: use a model with a base",
            )
        if self.model.base is None and self.train.steps == 0:
            raise SettingsError(
                "train.steps is 0, but model.base is null",
                "there is nothing to take as it is: use -S train=scratch, or a model with a base",
            )

    def check_context(self, limit: int | None) -> None:
        """Hold the lengths of examples against what the model sees; None for no limit.

        Raises:
            SettingsError: they are longer.
        """
        lengths = {"train.sequence_length": self.train.sequence_length}
        if self.task.max_tokens is not None:
            lengths["task.max_tokens"] = self.task.max_tokens
        for key, length in lengths.items():
            if limit is not None and length > limit:
                raise SettingsError(
                    f"{key} {length} is longer than the {limit} tokens that the model sees",
                    f"use -S {key}={limit} or less, or a model with a longer context",
                )


def run(settings: TrainSettings) -> None:
    """Train, going on from where a killed run of the same settings, data and code stopped.

    Raises:
        DataError: data/prepared is missing, torn or too small.
        ModelError: the loss is no number, or the device is not there.
    """
    runtime = settings.runtime
    if runtime.processes > 1 and settings.train.preference is not None:
        raise SettingsError(
            f"runtime.processes is {runtime.processes}, and train={settings.train.name} learns "
            "from preferences in one process",
            "use -S runtime.processes=1",
        )
    if runtime.parallel == "fsdp":
        _check_sharding(settings)
    processes.run(
        "stemma.stages.train",
        runtime,
        lambda: _train(settings),
        exactly=True,
        remedy="type `dvc repro`: training goes on from the last checkpoint",
    )


def _check_sharding(settings: TrainSettings) -> None:
    if settings.runtime.processes == 1:
        raise SettingsError(
            "runtime.parallel is 'fsdp', but runtime.processes is 1",
            "there is nothing to share out: use -S runtime.parallel=ddp, or more processes",
        )
    if settings.train.optimizer == "adafactor":
        raise SettingsError(
            "runtime.parallel is 'fsdp', but train.optimizer is 'adafactor', whose sums go over "
            "whole weights",
            "use -S train.optimizer=muon or adamw",
        )


def _train(settings: TrainSettings) -> None:
    started = start(settings.runtime)

    import transformers

    from stemma.corpus.tokenizer.encoder import Encoder
    from stemma.modeling.examples.held_out import HeldOutLosses, documents_of
    from stemma.modeling.family import Tokens
    from stemma.modeling.training import checkpoints, methods, sharded
    from stemma.modeling.training.curves import Curves, write_curves
    from stemma.modeling.training.trainer import LanguageTrainer

    task, section = training_of(settings.task), settings.train
    examples, held_out = task.examples(settings.task, PREPARED, section, started.seed)
    preferring = _by_preference(settings, task, examples, started)
    if preferring is not None:
        task, examples = preferring.task, preferring.examples
    encoder = Encoder(PREPARED / "tokenizer")
    _check_ids(encoder.size)
    auto = getattr(transformers, task.AUTO)
    tokens = Tokens(encoder.size, encoder.end_of_text, encoder.padding)

    def build() -> Any:
        built = settings.model.build(auto, tokens, task.head(settings.task, PREPARED))
        # A base brings its context along, which no setting has.
        settings.check_context(getattr(built.config, "max_position_embeddings", None))
        return methods.adapt(built, section)

    model, sharding = build(), settings.runtime.parallel == "fsdp"
    made_with = _made_with(settings, started)
    by = closure("train", dataclasses.asdict(settings))
    name = checkpoints.fingerprint({**made_with, "code": by}, _inputs())
    folder = RUNS / "train" / f"{_title(settings)}-{name}"
    trainer = LanguageTrainer(model, task, section, started, folder, examples, held_out, sharding)  # type: ignore[arg-type]
    if preferring is not None:
        preferring.join(trainer)
    trainer.add_callback(Curves(folder, made_with, section))
    documents = documents_of(PREPARED, held_out, section.sequence_length)
    trainer.add_callback(HeldOutLosses(folder, task, started, held_out, documents))
    _go(trainer, processes.first_says(lambda: checkpoints.latest(folder / "checkpoints")))
    weights = sharded.whole(model) if sharding else {}
    if trainer.is_world_process_zero():
        if sharding:
            model = build()
            model.load_state_dict(weights)
        write_curves(trainer.state.log_history, section, PLOTS)
        facts = _facts(model, section, trainer.state, examples.tokens_seen, made_with)
        _save(model, settings.model.base is not None, facts)
        shutil.rmtree(folder / "checkpoints")


def _go(trainer: Any, resumed: Path | None) -> None:
    """Train, or measure a base that is taken as it is."""
    if trainer.section.steps:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    else:
        trainer.evaluate()


def _by_preference(settings: TrainSettings, task: Any, examples: Any, started: Runtime) -> Any:
    """Return what makes training by preference of the task; None if it is trained otherwise."""
    section = settings.train
    if section.preference is not None:
        from stemma.modeling.examples.preferring import Preferring

        longest = settings.task.max_tokens or section.sequence_length
        return Preferring(task, examples, section, longest, started)
    if (PREPARED / "preferences.kinds.npy").exists():
        print(
            f"stemma train: {PREPARED} has preferences, and train={section.name} does not learn "
            "from them; -S train=kto and dpo do",
            file=sys.stderr,
        )
    return None


def _title(settings: TrainSettings) -> str:
    # By which a person tells one run from another, in TensorBoard and among the folders.
    section = settings.train
    rate = section.muon_learning_rate if section.optimizer == "muon" else section.learning_rate
    parts = [settings.model.name, settings.task.name, section.name, section.optimizer]
    title = "-".join([*parts, f"lr{rate:g}", f"{section.steps}steps"])
    return re.sub(r"[^\w.-]", "_", title)


def _check_ids(size: int) -> None:
    from stemma.corpus.packing import read_split

    largest = int(read_split(PREPARED, "train").tokens.max())
    if largest >= size:
        raise DataError(
            f"{PREPARED} holds id {largest}, but its tokenizer has {size} entries",
            "type `dvc repro prepare`, or `dvc checkout` to restore the files",
        )


def _inputs() -> list[Path]:
    data = [*PREPARED.glob("*.npy"), *PREPARED.glob("tokenizer/*")]
    files = [*data, *BASE.glob("*"), ENVIRONMENT]
    return [file for file in files if file.exists()]


def _made_with(settings: TrainSettings, started: Runtime) -> dict[str, Any]:
    # What the declared runtime came to, and nothing of it that changes no byte.
    declared = dataclasses.asdict(settings)
    del declared["runtime"]
    if declared["train"]["preference"] is None:
        del declared["train"]["preference"]
    count = settings.runtime.processes
    several: dict[str, Any] = {"processes": count} if count > 1 else {}
    if settings.runtime.parallel == "fsdp":
        several["parallel"] = "fsdp"
    return {"settings": declared, "runtime": {**dataclasses.asdict(started), **several}}


def _facts(
    model: Any, section: TrainSection, state: Any, tokens: int, made_with: dict[str, Any]
) -> dict[str, Any]:
    # With patience the weights are those of the best validation loss.
    steps = state.global_step if section.patience is None else state.best_global_step
    return {
        **made_with,
        "parameters": model.num_parameters(),
        "steps": steps,
        "tokens_seen": tokens * steps // max(section.steps, 1),
    }


def _save(model: Any, based: bool, facts: dict[str, Any]) -> None:
    from stemma.modeling.weights.save import save_model

    # Trainer switches it off; who loads the model to write with it wants it on.
    model.config.use_cache = True
    with atomic_directory(TRAINED) as folder:
        save_model(model, folder, based)
        for file in sorted((PREPARED / "tokenizer").iterdir()):
            shutil.copyfile(file, folder / file.name)
        write_json(folder / "training.json", facts)
        observed.record(folder)


def main() -> None:
    """Run the stage with the settings of params.yaml."""
    stage.main("train", TrainSettings, run)


if __name__ == "__main__":
    main()
