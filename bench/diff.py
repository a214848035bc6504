"""How two versions are compared: the weights of two models of 135 M numbers in bf16.

Random numbers in the shapes of SmolLM2-135M, every tensor of the second model perturbed. Against
what a user would do instead: load both with transformers and subtract their state dicts. Each arm
in a process of its own, the arms in turn; the files are in the page cache for all of them.

    python bench/diff.py                             # makes the two models, 540 MB, and compares
    python bench/diff.py --arm stemma ONE OTHER      # one arm, prints JSON
"""

import argparse
import functools
import json
import os
import resource
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

ARMS = {
    "stemma": "Stemma, two commits: their hashes are known",
    "folders": "Stemma, two folders, hashed first",
    "transformers": "load both with transformers, subtract",
}
ROUNDS = 3
LAYERS, WIDTH, HEADS, KEYS, FEED_FORWARD, VOCABULARY = 30, 576, 9, 3, 1536, 49152


def measure(rounds: int = ROUNDS) -> dict[str, Any]:
    """Return GB/s (bytes of both models over seconds) and peak memory, medians over rounds."""
    seen: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    with tempfile.TemporaryDirectory() as folder:
        # In its own process too: a child's peak begins with what its parent holds.
        sides = _own_process(["--make", folder])
        for _ in range(rounds):
            for arm in ARMS:
                seen[arm].append(_own_process(["--arm", arm, *sides]))
    result: dict[str, Any] = {
        key: {arm: statistics.median(one[key] for one in seen[arm]) for arm in ARMS}
        for key in ("gigabytes_per_second", "peak_mib", "imported_mib")
    }
    ratios = [
        ours["gigabytes_per_second"] / theirs["gigabytes_per_second"]
        for ours, theirs in zip(seen["stemma"], seen["transformers"], strict=True)
    ]
    return {**result, "stemma_over_transformers": statistics.median(ratios), "rounds": rounds}


def show(result: dict[str, Any]) -> None:
    """Print the result as a table."""
    table = Table(title="Weights of two models of 135 M numbers in bf16 (medians)")
    for column in ("", "GB/s", "peak MiB", "of it imports"):
        table.add_column(column, justify="left" if not column else "right")
    for arm, label in ARMS.items():
        figures = [result[key][arm] for key in ("peak_mib", "imported_mib")]
        rate = f"{result['gigabytes_per_second'][arm]:.2f}"
        table.add_row(label, rate, *(f"{figure:.0f}" for figure in figures))
    Console().print(table)
    print(f"Stemma is {result['stemma_over_transformers']:.1f} x as fast")


def make(folder: Path) -> list[Path]:
    """Write the two models; return their folders."""
    import torch
    from safetensors.torch import save_file

    random = torch.Generator().manual_seed(0)
    one = {
        name: (torch.randn(shape, generator=random) * 0.05).bfloat16() for name, shape in shapes()
    }
    other = {
        name: (tensor * (1 + 0.02 * torch.randn(tensor.shape, generator=random))).bfloat16()
        for name, tensor in one.items()
    }
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": LAYERS,
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEYS,
        "intermediate_size": FEED_FORWARD,
        "vocab_size": VOCABULARY,
        "tie_word_embeddings": True,
        "dtype": "bfloat16",
    }
    sides = [folder / "one", folder / "other"]
    for side, weights in zip(sides, (one, other), strict=True):
        side.mkdir()
        save_file(weights, side / "model.safetensors", {"format": "pt"})
        (side / "config.json").write_text(json.dumps(config))
    return sides


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield name and shape of each tensor of SmolLM2-135M."""
    keys = WIDTH // HEADS * KEYS
    yield "model.embed_tokens.weight", (VOCABULARY, WIDTH)
    yield "model.norm.weight", (WIDTH,)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name, rows in (("q", WIDTH), ("k", keys), ("v", keys), ("o", WIDTH)):
            yield f"{prefix}.self_attn.{name}_proj.weight", (rows, WIDTH)
        for name in ("gate", "up"):
            yield f"{prefix}.mlp.{name}_proj.weight", (FEED_FORWARD, WIDTH)
        yield f"{prefix}.mlp.down_proj.weight", (WIDTH, FEED_FORWARD)
        for name in ("input", "post_attention"):
            yield f"{prefix}.{name}_layernorm.weight", (WIDTH,)


def run_arm(arm: str, sides: list[Path]) -> dict[str, float]:
    """Compare the two models; return GB/s, importing not counted, and peak memory."""
    read = {"stemma": _stemma, "folders": _stemma, "transformers": _transformers}[arm](arm, sides)
    imported = _peak()
    begun = time.perf_counter()
    read()
    seconds = time.perf_counter() - begun
    size = sum((side / "model.safetensors").stat().st_size for side in sides)
    return {
        "gigabytes_per_second": size / seconds / 1e9,
        "peak_mib": _peak(),
        "imported_mib": imported,
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _stemma(arm: str, sides: list[Path]) -> Any:
    from stemma.store.naming import Folder
    from stemma.versions.differences.weights import compare

    class Known(Folder):
        """A folder whose hashes are known, as those of a commit are."""

        files = functools.cache(Folder.files)

    versions = [(Known if arm == "stemma" else Folder)(side) for side in sides]
    for version in versions if arm == "stemma" else ():
        version.files("models/trained")

    def read() -> None:
        found = compare(*versions)
        assert found is not None and found.facts["same"] == 0

    return read


def _transformers(_: str, sides: list[Path]) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    def read() -> None:
        load = AutoModelForCausalLM.from_pretrained
        ours, theirs = (load(side, dtype="auto").state_dict() for side in sides)
        for name, tensor in ours.items():
            apart = theirs[name].float() - tensor.float()
            assert (apart.norm() / tensor.float().norm()).item() > 0
            torch.count_nonzero(apart), apart.abs().max()

    return read


def _own_process(words: list[str]) -> Any:
    command = [sys.executable, __file__, *words]
    # As `stemma diff` has it: the threads are Stemma's, and BLAS starts none of its own.
    settings = os.environ | ({} if "transformers" in words else {"OPENBLAS_NUM_THREADS": "1"})
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=settings)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Run the comparison, or one arm of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arm", choices=ARMS)
    parser.add_argument("--make", type=Path, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("sides", nargs="*", type=Path)
    options = parser.parse_args()
    if options.arm:
        print(json.dumps(run_arm(options.arm, options.sides)))
    elif options.make:
        print(json.dumps([str(side) for side in make(options.make)]))
    else:
        show(measure(options.rounds))


if __name__ == "__main__":
    main()
