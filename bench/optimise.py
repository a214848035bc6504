"""Search by TPE against random search, on the default recipe: 20 trials of a tenth of its steps.

Five seeds of each, trained in this process (as `stemma.stages.train` does, without DVC around it),
with `runtime=auto`. What was trained stands in runs/bench-optimise.jsonl, so that a killed
benchmark goes on: `python bench/optimise.py [SEEDS]`. Takes an hour on two cores; not part of
`make bench`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from stemma.composition import compose
from stemma.config import build
from stemma.layout import PREPARED, RUNS
from stemma.optimising import losses, space
from stemma.optimising.proposals import propose
from stemma.stages.train import TrainSettings
from stemma.statistics.paired import compare
from stemma.statistics.significance import LEVEL, smallest_effect

KEPT = RUNS / "bench-optimise.jsonl"
ROUNDS = 10_000


def main(seeds: int = 5) -> None:
    """Train what is missing, then show the table."""
    found, where = space.read("default")
    base, values = space.committed(found, where)
    base = [*base, "runtime=auto"]
    done = _read()
    told = {}
    for seed in range(seeds):
        for kind in ("tpe", "random"):
            told[kind, seed] = _study(found, values, base, kind, seed, done)
            show(told)


def _study(found, values, base, kind, seed, done):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    distributions = space.distributions(found)
    tables = []
    for number in range(found.budget.trials):
        given = space.values_of(found, values) if number == 0 else None
        trial = propose(study, distributions, kind, seed, given)
        overrides = [space.override(key, value) for key, value in trial.params.items()]
        key = " ".join(sorted(overrides))
        if key not in done:
            begun = time.monotonic()
            done[key] = _train([*base, *overrides])
            took = time.monotonic() - begun
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "by_step": done[key], "seconds": took}) + "\n")
        table = {int(step): np.array(one) for step, one in done[key].items()}
        last = table[max(table)]
        value = losses.METRICS["loss"](last)
        for step, one in table.items():
            trial.report(float(one.mean()), step)
        print(f"{kind} {seed} trial {number}: {value:.4f}  {key}", flush=True)
        if np.isfinite(value):
            study.tell(trial, value)
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        tables.append(table)
    return tables


def _train(overrides):
    settings = compose(overrides).values
    made = build(
        TrainSettings,
        {name: settings[name] for name in ("model", "task", "train", "runtime")},
        "bench",
    )
    from stemma.modeling.runtime import start

    started = start(made.runtime)
    import transformers

    from stemma.corpus.tokenizer.encoder import Encoder
    from stemma.errors import ModelError
    from stemma.modeling.examples.held_out import FILE, HeldOutLosses, documents_of
    from stemma.modeling.family import Tokens
    from stemma.modeling.training.trainer import LanguageTrainer
    from stemma.tasks import training_of

    task, section = training_of(made.task), made.train
    examples, held_out = task.examples(made.task, PREPARED, section, started.seed)
    encoder = Encoder(PREPARED / "tokenizer")
    tokens = Tokens(encoder.size, encoder.end_of_text, encoder.padding)
    auto = getattr(transformers, task.AUTO)
    model = made.model.build(auto, tokens, task.head(made.task, PREPARED))
    documents = documents_of(PREPARED, held_out, section.sequence_length)
    with tempfile.TemporaryDirectory() as folder:
        trainer = LanguageTrainer(model, task, section, started, Path(folder), examples, held_out)
        trainer.add_callback(HeldOutLosses(Path(folder), task, started, held_out, documents))
        try:
            trainer.train()
        except ModelError:  # the loss is no number
            return {section.steps: [float("inf")] * len(set(documents))}
        table = losses.read(Path(folder) / FILE)
    return {step: one.tolist() for step, one in table.by_step.items()}


def _read():
    if not KEPT.exists():
        return {}
    lines = [json.loads(line) for line in KEPT.read_text(encoding="utf-8").split("\n")[:-1]]
    return {line["key"]: line["by_step"] for line in lines}


def _last(table):
    return table[max(table)]


def show(told):
    """Print what each study found, beside what is committed."""
    for (kind, seed), tables in told.items():
        means = [float(_last(table).mean()) for table in tables]
        best = int(np.argmin(means))
        a, b = _last(tables[0]), _last(tables[best])
        if best == 0:
            print(f"{kind:6} {seed}  none better than {means[0]:.4f}")
            continue
        test = compare(a[None], b[None], lambda sums: {"loss": sums[0] / len(a)}, ROUNDS, 0)["loss"]
        least = smallest_effect(test.error, len(a), LEVEL / (len(tables) - 1))
        print(
            f"{kind:6} {seed}  {means[0]:.4f} -> {means[best]:.4f} (trial {best}): "
            f"{means[best] - means[0]:+.4f} ({test.low:+.4f} to {test.high:+.4f}), "
            f"p {test.p:.2g}, times {len(tables) - 1} {min(1, test.p * (len(tables) - 1)):.2g}, "
            f"smallest {least:.4f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
