"""Search by TPE against random search, on the default recipe: 20 trials of a tenth of its steps.

Five seeds of each, trained in this process (as `stemma.stages.train` does, without DVC around it),
with `runtime=auto`, and none ended early: what pruning would have done is told afterwards. What was
trained stands in runs/bench-optimise.jsonl, so that a killed benchmark goes on:
`python bench/optimise.py [SEEDS]`. Takes half an hour on two cores; not part of `make bench`.
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
from stemma.optimising import judging, losses, pruning, space
from stemma.optimising.losses import Table
from stemma.optimising.proposals import propose
from stemma.stages.train import TrainSettings

KEPT = RUNS / "bench-optimise.jsonl"


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


def show(told):
    """Print, as Markdown, what each study found beside what is committed, and what pruning does."""
    print("| search | seed | committed | best | difference | p | p, corrected | smallest |")
    print("|---|---|---|---|---|---|---|---|")
    for (kind, seed), tables in told.items():
        lasts = [table[max(table)] for table in tables]
        means = [float(last.mean()) for last in lasts]
        best = int(np.argmin(means))
        one = judging.test(lasts[0], lasts[best], len(tables) - 1)
        change = f"{one.best - one.committed:+.4f} ({one.low:+.4f} to {one.high:+.4f})"
        print(
            f"| {kind} | {seed} | {one.committed:.4f} | {one.best:.4f}, trial {best} | {change} "
            f"| {one.p:.2g} | {one.corrected:.2g} | {one.smallest:.4f} |"
        )
    for kind in ("tpe", "random"):
        _show_kind(kind, [tables for (one, _), tables in told.items() if one == kind])


def _show_kind(kind, studies):
    if not studies:
        return
    asked, _ = space.read("default")
    ended = saved = crossed = kept = trials = 0
    for tables in studies:
        best = tables[0]
        for table in tables[1:]:
            trials += 1
            steps = max(best)
            step = pruning.ends_at(asked.pruning, Table(steps, 0, [], table), best, min(best))
            better = table[max(table)].mean() < best[steps].mean()
            if step is not None:
                ended, saved, crossed = ended + 1, saved + 1 - step / steps, crossed + better
            elif better:
                best = table
        kept += best is min(tables, key=lambda table: table[max(table)].mean())
    found = [min(table[max(table)].mean() for table in tables) for tables in studies]
    print(
        f"{kind}: best of a study {np.mean(found):.4f} on average, {min(found):.4f} to "
        f"{max(found):.4f}. Pruning would end {ended} of {trials} trials and save "
        f"{saved / trials:.0%} of their steps; {crossed} of those would have gone past the best of "
        f"the time, and {kept} of {len(studies)} studies would keep the best of all"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
