"""Every benchmark, side by side with what a user would pick instead: `make bench`.

Prints a table for each and writes bench/results.json. Takes about half an hour; the machine
should have nothing else to do. Ratios are medians over pairs that ran one after the other.
"""

import os
import platform
from pathlib import Path

import data_diff
import diff
import formats
import log
import pipeline
import storage
import tokenise
import train
from stemma.files import write_json

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Run the benchmarks in order of their length."""
    results = {"machine": machine()}
    for module in (tokenise, diff, data_diff, log, formats, train, pipeline, storage):
        name = module.__name__
        results[name] = module.measure()
        module.show(results[name])
        write_json(RESULTS, results)
    memory = tokenise.measure_memory()
    print(f"2 GB tokenised and packed: peak {memory['peak_mib']:.0f} MiB resident")
    write_json(RESULTS, results | {"memory_of_2_gb": memory})


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "instructions": [flag for flag in ("avx2", "avx512f", "amx_bf16") if flag in flags],
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
