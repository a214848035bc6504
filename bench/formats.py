"""Tokens per second that each format of the exported model reads, as a user loads it.

A batch of held-out text at a time, on the declared threads: the weights in the type that they are
stored in, int8 restored to float32, ONNX in onnxruntime. Each arm runs in a process of its own, in
turn; ratios are medians over rounds.

    python bench/formats.py             # needs `dvc repro` to have been run, and stemma-lm[onnx]
    python bench/formats.py --arm onnx FOLDER  # one arm, prints JSON
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FORMATS = ("bf16", "int8", "pruned", "onnx")
ROWS, TOKENS, BATCHES, SKIPPED, ROUNDS = 16, 128, 25, 5, 5


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return bytes and tokens per second by format (medians), and the ratios, pair by pair."""
    from stemma.layout import EXPORTED
    from stemma.modeling.export.formats.comparing import write_formats
    from stemma.modeling.weights.copy import size_of

    with tempfile.TemporaryDirectory() as folder:
        original = Path(folder) / "original"
        shutil.copytree(EXPORTED, original)
        write_formats(original, FORMATS, 0.3, {}, lambda model, its: {})
        places = {"original": original, **{name: original / name for name in FORMATS}}
        seen: dict[str, list[float]] = {name: [] for name in places}
        for _ in range(rounds):
            for name, place in places.items():
                command = [sys.executable, __file__, "--arm", name, str(place)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seen[name].append(json.loads(done.stdout.splitlines()[-1]))
        size = {name: size_of(place) for name, place in places.items()}
    ratios = {
        name: statistics.median(a / b for a, b in zip(rates, seen["original"], strict=True))
        for name, rates in seen.items()
    }
    return {
        "bytes": size,
        "tokens_per_second": {name: round(statistics.median(seen[name])) for name in seen},
        "over_original": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "rounds": rounds,
    }


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title="Formats of the exported model, tokens read per second (median)")
    for column in ("", "bytes", "tokens/s", "of the original's"):
        table.add_column(column, justify="left" if not column else "right")
    for name, rate in result["tokens_per_second"].items():
        ratio = f"{result['over_original'][name]:.2f} x"
        table.add_row(name, f"{result['bytes'][name]:,}", f"{rate:,}", ratio)
    Console().print(table)


def run_arm(name: str, folder: Path) -> float:
    """Return tokens per second from the median time of a batch."""
    from stemma.config import load
    from stemma.corpus.packing import read_split
    from stemma.layout import PREPARED
    from stemma.modeling import runtime
    from stemma.stages.evaluate import EvaluateSettings

    runtime.start(load(EvaluateSettings).runtime)
    import torch
    from transformers import AutoModelForCausalLM

    from stemma.modeling.export.formats import int8, onnx

    loaders = {"int8": int8.load, "onnx": onnx.load}
    model: Any = loaders.get(name, AutoModelForCausalLM.from_pretrained)(folder)
    model.eval()
    tokens = torch.from_numpy(read_split(PREPARED, "test").tokens[: ROWS * TOKENS].astype("int64"))
    batch, times = tokens.view(ROWS, TOKENS), []
    with torch.inference_mode():
        for _ in range(BATCHES):
            begun = time.perf_counter()
            model(batch, use_cache=False)
            times.append(time.perf_counter() - begun)
    return ROWS * TOKENS / statistics.median(times[SKIPPED:])


def main() -> None:
    """Run the comparison, or one arm of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm", nargs=2, metavar=("FORMAT", "FOLDER"))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm[0], Path(options.arm[1]))))
    else:
        show(measure(options.rounds))


if __name__ == "__main__":
    main()
