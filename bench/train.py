"""Tokens per second: Stemma's training against a plain PyTorch loop and a bare Trainer.

The same model, batch, precision and data; each arm in a process of its own, the arms in turn, so
that a drift of the machine's speed hits all of them. Two recipes: the project's own settings, and
LoRA on SmolLM2, which is laid out in a temporary folder.

    python bench/train.py                              # needs `dvc repro prepare` to have been run
    python bench/train.py --busy                       # beside a process that takes a core
"""

import argparse
import contextlib
import dataclasses
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from stemma.environment import RuntimeSettings, cap

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
# Steps of an arm, of which the first are not counted.
STEPS = {"default": (30, 8), "lora": (8, 2)}
LORA = "experiment=smollm2_lora_plays"
NATIVE: dict[str, Any] = {"instructions": "native"}
FP32, BF16 = {**NATIVE, "precision": "fp32"}, {**NATIVE, "precision": "bf16"}
PORTABLE = {"instructions": "avx2", "precision": "fp32"}
# Who trains, and in what arithmetic.
ARMS = {
    "portable": ("stemma", PORTABLE),
    "fp32": ("stemma", FP32),
    "loop": ("loop", FP32),
    "trainer": ("trainer", FP32),
    "bf16": ("stemma", BF16),
    "loop, bf16": ("loop", BF16),
    "trainer, bf16": ("trainer", BF16),
}
LABELS = {
    "portable": "Stemma, runtime=portable",
    "fp32": "Stemma, fp32, all instructions",
    "loop": "plain PyTorch loop, fp32",
    "trainer": "bare transformers Trainer, fp32",
    "bf16": "Stemma, bf16",
    "loop, bf16": "plain PyTorch loop, bf16",
    "trainer, bf16": "bare transformers Trainer, bf16",
}
RATIOS = [("portable", other) for other in ("fp32", "loop", "trainer")]
RATIOS += [("bf16", "loop, bf16"), ("bf16", "trainer, bf16")]


def measure(
    rounds: int = ROUNDS, recipes: tuple[str, ...] = tuple(STEPS), busy: bool = False
) -> dict[str, Any]:
    """Return by recipe tokens per second by arm (medians over rounds), and ratios, pair by pair."""
    found: dict[str, Any] = {"rounds": rounds, "beside_a_busy_process": busy}
    arms = [arm for arm in ARMS if "bf16" not in arm or _has_bf16()]
    for recipe in recipes:
        with _folder(recipe) as folder, _company() if busy else contextlib.nullcontext():
            seen: dict[str, list[float]] = {arm: [] for arm in arms}
            for _, arm in itertools.product(range(rounds), arms):
                seen[arm].append(_own_process(recipe, arm, folder))
        found[recipe] = {
            "tokens_per_second": {arm: round(statistics.median(seen[arm])) for arm in arms},
            "ratios": {
                f"{one} over {other}": round(_ratio(seen[one], seen[other]), 2)
                for one, other in RATIOS
                if one in seen
            },
        }
    return found


def show(result: dict[str, Any]) -> None:
    """Print the result as a table a recipe."""
    for recipe in STEPS:
        if recipe not in result:
            continue
        beside = ", beside a busy process" if result["beside_a_busy_process"] else ""
        table = Table(title=f"Training, {recipe}{beside}")
        table.add_column("")
        table.add_column("tokens/s", justify="right")
        for arm, rate in result[recipe]["tokens_per_second"].items():
            table.add_row(LABELS[arm], f"{rate:,}")
        Console().print(table)
        for name, ratio in result[recipe]["ratios"].items():
            print(f"{name}: {ratio:.2f}")


def _ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def _has_bf16() -> bool:
    from stemma.modeling import runtime

    return runtime.computes_bf16("cpu", "native")


@contextlib.contextmanager
def _folder(recipe: str) -> Iterator[Path]:
    """Yield a project in which a recipe's data is prepared."""
    if recipe == "default":
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for part in (".dvc", "conf", "data/input", "src"):
            shutil.copytree(ROOT / part, project / part, ignore=shutil.ignore_patterns("cache"))
        for part in ("data/revoked.jsonl", "dvc.yaml", "environment.lock"):
            shutil.copyfile(ROOT / part, project / part)
        subprocess.run(["stemma", "compose", LORA], cwd=project, check=True, capture_output=True)
        for stage in ("ingest", "base", "prepare"):
            command = [sys.executable, "-m", f"stemma.stages.{stage}"]
            subprocess.run(command, cwd=project, check=True, capture_output=True)
        yield project


@contextlib.contextmanager
def _company() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()


def _own_process(recipe: str, arm: str, folder: Path) -> float:
    command = [sys.executable, __file__, "--recipe", recipe, "--arm", arm]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def run_arm(recipe: str, arm: str) -> float:
    """Train a few steps here; return tokens per second from the median time of a step."""
    from stemma.config import load
    from stemma.stages.train import TrainSettings

    settings = load(TrainSettings)
    who, arithmetic = ARMS[arm]
    declared = dataclasses.replace(settings.runtime, **arithmetic)
    started = _plain(declared) if who != "stemma" else _start(declared)
    steps, skipped = STEPS[recipe]
    train = {"loop": _loop, "trainer": _trainer, "stemma": _stemma}[who]
    ticks = train(*_model_and_data(settings, steps), settings.train, started, steps)
    times = [after - before for before, after in itertools.pairwise(ticks)][skipped:]
    return settings.train.batch_size * settings.train.sequence_length / statistics.median(times)


def _start(declared: RuntimeSettings) -> Any:
    from stemma.modeling import runtime

    cap(declared.instructions)
    return runtime.start(declared)


def _plain(declared: RuntimeSettings) -> Any:
    """Return the same device, precision and threads, torch otherwise as it comes."""
    for name in [name for name in os.environ if name.startswith(("OPENBLAS_", "MKL_", "GOMP_"))]:
        del os.environ[name]
    import torch

    from stemma.modeling import runtime

    torch.set_num_threads(declared.threads)
    precision: Any = declared.precision
    return runtime.Runtime("cpu", precision, declared.threads, "native", False, declared.seed)


def _model_and_data(settings: Any, steps: int) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM

    from stemma.corpus.packing import read_split
    from stemma.corpus.tokenizer.encoder import Encoder
    from stemma.layout import PREPARED
    from stemma.modeling.examples.packed import PackedBlocks
    from stemma.modeling.family import Tokens
    from stemma.modeling.training import methods

    section = settings.train
    encoder = Encoder(PREPARED / "tokenizer")
    tokens = Tokens(encoder.size, encoder.end_of_text)
    model = methods.adapt(settings.model.build(AutoModelForCausalLM, tokens, {}), section)
    split = read_split(PREPARED, "train")
    return model, PackedBlocks(split, section.sequence_length, steps * section.batch_size, 1)


def _loop(model: Any, blocks: Any, section: Any, started: Any, steps: int) -> list[float]:
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, betas=(0.9, 0.95))
    loader = torch.utils.data.DataLoader(blocks, batch_size=section.batch_size)
    model.train()
    ticks = [time.perf_counter()]
    for batch in loader:
        with started.autocast():
            logits = model(input_ids=batch["input_ids"]).logits
            loss = torch.nn.functional.cross_entropy(
                logits.float().flatten(0, 1), batch["labels"].flatten()
            )
        loss.backward()
        if section.clip:
            torch.nn.utils.clip_grad_norm_(weights, section.clip)
        optimizer.step()
        optimizer.zero_grad()
        ticks.append(time.perf_counter())
    return ticks


def _trainer(model: Any, blocks: Any, section: Any, started: Any, steps: int) -> list[float]:
    from transformers import Trainer, TrainingArguments

    class Unshifted:
        """The Trainer's own loss shifts the labels itself."""

        def __len__(self) -> int:
            return len(blocks)

        def __getitem__(self, index: int) -> dict[str, Any]:
            ids = blocks[index]["input_ids"]
            return {"input_ids": ids, "labels": ids}

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=section.batch_size,
            bf16=started.precision == "bf16",
            use_cpu=True,
            max_grad_norm=section.clip or 0.0,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        clock = _clock()
        Trainer(model, arguments, train_dataset=Unshifted(), callbacks=[clock]).train()  # type: ignore[arg-type]
    return clock.ticks


def _stemma(model: Any, blocks: Any, section: Any, started: Any, steps: int) -> list[float]:
    from stemma.modeling.training.trainer import LanguageTrainer
    from stemma.tasks.causal_lm import training as causal_lm

    never = 10 * steps
    short = dataclasses.replace(
        section, steps=steps, log_every=never, evaluate_every=never, checkpoint_every=never
    )
    clock = _clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = LanguageTrainer(model, causal_lm, short, started, Path(folder), blocks, [])
        trainer.add_callback(clock)
        trainer.train()
    return clock.ticks


def _clock() -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ticks: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ticks.append(time.perf_counter())

    return Clock()


def main() -> None:
    """Run the comparison, or one arm of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", choices=STEPS)
    parser.add_argument("--arm", choices=ARMS, help="only this, in the current folder")
    parser.add_argument("--busy", action="store_true", help="beside a process that takes a core")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if options.arm:
        print(run_arm(options.recipe or "default", options.arm))
        return
    recipes = (options.recipe,) if options.recipe else tuple(STEPS)
    show(measure(options.rounds, recipes, options.busy))


if __name__ == "__main__":
    main()
