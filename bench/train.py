"""Tokens per second: Stemma's training against a plain PyTorch loop and a bare Trainer.

The same model, batch, precision, optimiser state size and data; each arm in a process of its own,
the arms in turn, so that a drift of the machine's speed hits all of them.

    python bench/train.py             # needs `dvc repro prepare` to have been run
    python bench/train.py --arm loop  # one arm, prints JSON
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

ARMS = {
    "loop": "plain PyTorch loop, AdamW",
    "trainer": "bare transformers Trainer, AdamW",
    "stemma": "Stemma",
    "fp32": "Stemma, runtime.precision=fp32",
    "portable": "Stemma, runtime=portable",
}
STEPS, SKIPPED, ROUNDS = 30, 8, 3


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return tokens per second by arm (medians over rounds) and the ratios, pair by pair."""
    seen: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            seen[arm].append(_own_process(["--arm", arm])["tokens_per_second"])
    ratios = {
        arm: statistics.median(a / b for a, b in zip(seen["stemma"], seen[arm], strict=True))
        for arm in ARMS
    }
    hardware = _own_process(["--arm", "peak"])
    peak, flops = hardware["peak"], hardware["flops"]
    return {
        "matrix_peak_tflops": round(peak, 2),
        "utilization": {
            arm: round(statistics.median(seen[arm]) * flops / peak / 1e12, 3) for arm in ARMS
        },
        "tokens_per_second": {arm: round(statistics.median(seen[arm])) for arm in ARMS},
        "stemma_over": {arm: round(ratio, 2) for arm, ratio in ratios.items()},
        "rounds": rounds,
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title="Training, tokens per second (median)")
    for column in ("", "tokens/s", "of the peak", "Stemma is"):
        table.add_column(column, justify="left" if not column else "right")
    for arm, label in ARMS.items():
        rate, ratio = result["tokens_per_second"][arm], result["stemma_over"][arm]
        share = f"{result['utilization'][arm]:.0%}"
        table.add_row(label, f"{rate:,}", share, "" if arm == "stemma" else f"{ratio:.2f} x")
    Console().print(table)
    print(f"peak: {result['matrix_peak_tflops']} TFLOP/s in a large matrix product")


def _own_process(words: list[str]) -> dict[str, Any]:
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_peak() -> dict[str, float]:
    """Return the TFLOP/s of a large product, and what training needs per token in FLOP.

    Per token: 6 for each weight of a matrix that it passes (Kaplan et al. 2020), the tied head
    included, and 12 * layers * width * context / 2 for causal attention.
    """
    from stemma.config import load
    from stemma.corpus.tokenizer import Encoder
    from stemma.layout import PREPARED
    from stemma.modeling import runtime
    from stemma.stages.train import TrainSettings

    settings = load(TrainSettings)
    started = runtime.start(settings.runtime)
    import torch

    size = 4096
    one = torch.randn(size, size).to(started.dtype())
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        one @ one
        times.append(time.perf_counter() - begun)
    shape, length = settings.model, settings.train.sequence_length
    vocabulary = Encoder(PREPARED / "tokenizer").size
    weights = 12 * shape.layers * shape.width**2 + vocabulary * shape.width
    return {
        "peak": 2 * size**3 / statistics.median(times[2:]) / 1e12,
        "flops": 6 * weights + 6 * shape.layers * shape.width * length,
    }


def run_arm(arm: str) -> float:
    """Train STEPS steps; return tokens per second from the median time of a step."""
    from stemma.config import load
    from stemma.corpus.packing import read_split
    from stemma.corpus.tokenizer import Encoder
    from stemma.layout import PREPARED
    from stemma.stages.train import TrainSettings

    settings = load(TrainSettings)
    started = _start(arm, settings.runtime)

    from transformers import AutoModelForCausalLM

    from stemma.modeling.batches import PackedBlocks
    from stemma.modeling.building import Tokens

    section = settings.train
    encoder = Encoder(PREPARED / "tokenizer")
    tokens = Tokens(encoder.size, encoder.end_of_text)
    model = settings.model.build(AutoModelForCausalLM, tokens, {})
    split = read_split(PREPARED, "train")
    blocks = PackedBlocks(split, section.sequence_length, STEPS * section.batch_size, 1)
    train = {"loop": _loop, "trainer": _trainer}.get(arm, _stemma)
    ticks = train(model, section, started, blocks)
    steps = [after - before for before, after in itertools.pairwise(ticks)][SKIPPED:]
    return section.batch_size * section.sequence_length / statistics.median(steps)


def _start(arm: str, declared: Any) -> Any:
    import dataclasses

    from stemma.environment import RuntimeSettings, cap
    from stemma.modeling import runtime

    if arm in ("loop", "trainer"):
        return _plain(declared)
    if arm == "fp32":
        declared = dataclasses.replace(declared, precision="fp32")
    if arm == "portable":
        declared = RuntimeSettings(**yaml.safe_load(Path("conf/runtime/portable.yaml").read_text()))
        cap(declared.instructions)
    return runtime.start(declared)


def _plain(declared: Any) -> Any:
    """Return the same device, precision and threads, torch otherwise as it comes."""
    import torch

    from stemma.modeling import runtime

    torch.set_num_threads(declared.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = "bf16" if runtime._computes_bf16(device, "native") else "fp32"
    return runtime.Runtime(device, precision, declared.threads, "native", False, declared.seed)


def _loop(model: Any, section: Any, started: Any, blocks: Any) -> list[float]:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95))
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
            torch.nn.utils.clip_grad_norm_(model.parameters(), section.clip)
        optimizer.step()
        optimizer.zero_grad()
        ticks.append(time.perf_counter())
    return ticks


def _trainer(model: Any, section: Any, started: Any, blocks: Any) -> list[float]:
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
            max_steps=STEPS,
            per_device_train_batch_size=section.batch_size,
            bf16=started.precision == "bf16",
            use_cpu=started.device == "cpu",
            max_grad_norm=section.clip or 0.0,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        clock = _clock()
        Trainer(model, arguments, train_dataset=Unshifted(), callbacks=[clock]).train()  # type: ignore[arg-type]
    return clock.ticks


def _stemma(model: Any, section: Any, started: Any, blocks: Any) -> list[float]:
    import dataclasses

    from stemma.modeling.trainer import LanguageTrainer
    from stemma.tasks.causal_lm import training as causal_lm

    short = dataclasses.replace(
        section,
        steps=STEPS,
        log_every=10 * STEPS,
        evaluate_every=10 * STEPS,
        checkpoint_every=10 * STEPS,
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
    parser.add_argument("--arm", choices=[*ARMS, "peak"])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if options.arm == "peak":
        print(json.dumps(run_peak()))
    elif options.arm:
        print(json.dumps({"tokens_per_second": run_arm(options.arm)}))
    else:
        show(measure(options.rounds))


if __name__ == "__main__":
    main()
