"""A process of its own that loads a model as a server does, and measures what that takes.

``python -P -m stemma.registry.serving FOLDER PROMPT_TOKENS ANSWER`` reads models/exported in FOLDER
and writes what it found into the file ANSWER.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemma.errors import boundary
from stemma.files import write_json

TOKENS = 16
"""How many tokens are written after a prompt."""
REPETITIONS = 7
_STATUS = Path("/proc/self/status")


def calm_threads() -> None:
    """Let threads that wait for one another sleep soon; call it before torch is imported.

    Where anything else runs on the processor, those that go on spinning take the cores from those
    that multiply (`stemma.modeling.runtime`): four times the time was measured.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def measure(prompt_tokens: int) -> dict[str, Any]:
    """Return what models/exported takes on this processor.

    Args:
        prompt_tokens: length of the prompt.

    Returns:
        ``first_token_ms``, from a prompt to the first token of its answer, or of a model that does
        not write to its scores; ``token_ms``, for each token after the first, or None; both are
        medians over REPETITIONS after a warm-up. ``memory_megabytes``: most that was resident at
        any time, libraries included, in 10^6 bytes. ``processor``, ``threads``.
    """
    calm_threads()
    import torch

    from stemma.registry.stored import load_stored

    model = load_stored(Path()).eval()
    generator = torch.Generator().manual_seed(0)
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (1, prompt_tokens), generator=generator)
    mask = torch.ones_like(ids)

    def write(tokens: int) -> None:
        # An end of text would end the measurement.
        model.generate(
            ids, attention_mask=mask, min_new_tokens=tokens, max_new_tokens=tokens,
            do_sample=False, num_beams=1,
        )  # fmt: skip

    with torch.inference_mode():
        if model.can_generate():
            first = _median(lambda: write(1))
            rest: float | None = max(0.0, (_median(lambda: write(TOKENS)) - first) / (TOKENS - 1))
        else:
            first, rest = _median(lambda: model(input_ids=ids, attention_mask=mask)), None
    return {
        "first_token_ms": first,
        "token_ms": rest,
        "memory_megabytes": _most_resident() / 1e6,
        "processor": torch.cpu.get_capabilities().get("cpu_name") or platform.processor(),
        "threads": torch.get_num_threads(),
    }


def _median(work: Callable[[], object]) -> float:
    """Return the milliseconds that work takes."""
    work()
    taken = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


def _most_resident() -> int:
    """Return the most bytes that this program has had in memory."""
    if _STATUS.exists():
        # Not `getrusage`, which on Linux counts what the parent had before it became this program.
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def main() -> None:
    """Measure, and write down what was found."""
    folder, prompt_tokens, answer = sys.argv[1:]
    path = Path(answer).absolute()
    os.chdir(folder)  # where an adapter finds its base
    with boundary("footprint"):
        write_json(path, measure(int(prompt_tokens)))


if __name__ == "__main__":
    main()
