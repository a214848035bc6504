"""Ten thousand requests that schemathesis makes up: what is answered, and what memory that takes.

    python bench/fuzz.py [REQUESTS]

A server of a tiny chat model gets them, and one of a tiny classifier a fifth as many. Prints the
answers by their status, and what is resident in the front and in the engine after each fifth. Ends
with exit code 1 if any answer is a 5xx, a check of schemathesis fails, or an engine had to be
restarted. Takes about ten minutes.
"""

import re
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests/support"), str(ROOT / "tests")]

import fuzzing  # noqa: E402 (it stands among the tests)
import talking  # noqa: E402
from served import Served, lay_down, serving  # noqa: E402

REQUESTS, STEPS = 10_000, 5
EXAMPLES = 60  # of each operation, in each round
LIMITS = ("smoke=[hello]", "completion_tokens=8")
_ANSWERED = re.compile(r" I [A-Z]+ \S.* (\d{3}) \d+\.\d{3} s")


def measure(requests: int = REQUESTS) -> dict[str, Any]:
    """Ask both servers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_down(folder / "alpha", talking.files("alpha"))
        lay_down(folder / "classes", talking.files("classes", labels=("good", "bad", "ugly")))
        return {
            "alpha": _asked(folder, "alpha", requests),
            "classes": _asked(folder, "classes", requests // 5),
        }


def show(found: dict[str, Any]) -> None:
    """Print what was found."""
    for model, told in found.items():
        print(f"\n{model}: {told['requests']} requests in {told['seconds']:.0f} s")
        print("  by status: " + ", ".join(f"{one} {n}" for one, n in told["statuses"].items()))
        print(f"  restarts of the engine: {told['restarts']}; checks that failed: {told['failed']}")
        print("  requests   front MB   engine MB")
        for count, front, engine in told["memory"]:
            print(f"  {count:>8}   {front:>8.1f}   {engine:>9.1f}")


def _asked(folder: Path, model: str, requests: int) -> dict[str, Any]:
    words = [word for one in LIMITS for word in ("--set", one)]
    begun, failed = time.perf_counter(), []
    with serving(folder, "--path", model, *words) as server:
        memory, over = [(0, *_resident(server))], threading.Event()
        watch = threading.Thread(target=_watch, args=(server, requests, memory, over))
        watch.start()
        seed = 0
        while len(_statuses(server)) < requests:
            seed += 1
            # What the coverage phase asks is the same every time.
            phases = "coverage,fuzzing" if seed == 1 else "fuzzing"
            done = fuzzing.fuzz(
                server.url, model, "--phases", phases, "-n", str(EXAMPLES), "--seed", str(seed),
                folder=folder,
            )  # fmt: skip
            if done.returncode:
                failed.append(done.stdout)
                print(done.stdout[-6000:], file=sys.stderr)
        over.set()
        watch.join()
        text = server.get("/metrics").text
        restarts = re.search(r"^stemma:engine_restarts_total\{.*\} (\S+)", text, re.MULTILINE)
        assert restarts
        statuses = Counter(_statuses(server))
        return {
            "requests": sum(statuses.values()), "seconds": time.perf_counter() - begun,
            "statuses": dict(sorted(statuses.items())), "restarts": int(float(restarts[1])),
            "failed": len(failed), "memory": memory,
        }  # fmt: skip


def _statuses(server: Served) -> list[str]:
    """Return the statuses of all requests, from the log."""
    return [found[1] for line in [*server.log] if (found := _ANSWERED.search(line))]


def _watch(
    server: Served, requests: int, memory: list[tuple[int, float, float]], over: threading.Event
) -> None:
    for step in range(1, STEPS + 1):
        while len(server.log) < step * requests // STEPS and not over.is_set():
            time.sleep(0.2)
        memory.append((len(_statuses(server)), *_resident(server)))


def _resident(server: Served) -> tuple[float, float]:
    """Return the resident megabytes of front and engine."""
    return tuple(  # type: ignore[return-value]
        sum(_megabytes(pid) for pid in pids) for pids in ([server.process.pid], server.engines())
    )


def _megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    result = measure(*map(int, sys.argv[1:2]))
    show(result)
    sys.exit(
        any(
            one["failed"] or one["restarts"] or any(code >= "500" for code in one["statuses"])
            for one in result.values()
        )
    )
