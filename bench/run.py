"""Every benchmark, side by side with what a user would pick instead: `make bench`.

Prints a table for each and writes bench/results.json. Takes about an hour; the machine
should have nothing else to do. Ratios are medians over pairs that ran one after the other.
`python bench/run.py storage formats` measures those anew and leaves the other results.
"""

import os
import platform
import sys
from pathlib import Path

import adopted
import changeover
import data_diff
import diff
import formats
import large_models
import log
import pipeline
import recording
import scale_train
import serving
import storage
import tokenise
import train
import watching
from stemma.files import read_json, write_json

BENCHMARKS = {
    module.__name__: module
    for module in (
        tokenise,
        diff,
        data_diff,
        log,
        adopted,
        formats,
        train,
        pipeline,
        storage,
        serving,
        changeover,
        recording,
        scale_train,
        watching,
        large_models,
    )
}
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> None:
    """Run the benchmarks that are named, or all in order of their length."""
    results = read_json(RESULTS) if names else {}
    results["machine"] = machine()
    for name in names or BENCHMARKS:
        results[name] = BENCHMARKS[name].measure()
        BENCHMARKS[name].show(results[name])
        write_json(RESULTS, results)
    if not names:
        results["memory_of_2_gb"] = memory = tokenise.measure_memory()
        print(f"2 GB tokenised and packed: peak {memory['peak_mib']:.0f} MiB resident")
        write_json(RESULTS, results)


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
    main(sys.argv[1:])
