"""A change of version and a rollback under load: what becomes of 1,000 requests of 16 clients.

Two tiny versions, each of which says its own name: an answer that is not its version's shows.

    python bench/changeover.py
"""

import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

import talking  # noqa: E402
from released import Released  # noqa: E402
from served import serving  # noqa: E402

CLIENTS, REQUESTS = 16, 1000


def measure() -> dict[str, Any]:
    """Change over and go back while clients ask, and count."""
    with tempfile.TemporaryDirectory() as folder:
        project = Released(Path(folder) / "project")
        project.in_prod(exported=talking.files("alpha"))
        name = project.candidate(exported=talking.files("beta"))
        right = {"lm@v1.0.0": talking.answer("alpha"), f"lm@{name}": talking.answer("beta")}
        with serving(project.root, "--set", "look_seconds=0.5", "--set", "smoke=[hello]") as server:
            return _load(project, server, name, right)


def _load(project: Released, server: Any, name: str, right: dict[str, str]) -> dict[str, Any]:
    seen: list[tuple[float, float, int, str, str]] = []
    turn = iter(range(10**6))
    changed = threading.Event()

    def client() -> None:
        with httpx.Client(timeout=120) as asker:
            while next(turn) < REQUESTS or not changed.is_set():
                begun = time.perf_counter()
                body = {
                    "model": "lm", "temperature": 0,
                    "messages": [{"role": "user", "content": "hello"}],
                }  # fmt: skip
                answer = asker.post(f"{server.url}/v1/chat/completions", json=body)
                told = answer.json()
                text = told["choices"][0]["message"]["content"] if answer.is_success else ""
                seen.append(
                    (begun, time.perf_counter() - begun, answer.status_code,
                     told.get("model", ""), text)
                )  # fmt: skip
                time.sleep(random.random() / 20)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    time.sleep(2)
    times = {}
    for verb, target in ((("promote", name, "prod"), name), (("rollback", "prod"), "v1.0.0")):
        lines, begun = len(server.log), time.perf_counter()
        project.run(*verb)
        server.said(f"lm@{target} answers now", lines)
        times[verb[0]] = begun, time.perf_counter()
        time.sleep(2)
    changed.set()
    for one in clients:
        one.join()
    during = [s for at, s, *_ in seen if any(a <= at <= b + 1 for a, b in times.values())]
    calm = [s for at, s, *_ in seen if not any(a <= at <= b + 1 for a, b in times.values())]
    return {
        "clients": CLIENTS,
        "requests": len(seen),
        "lost": sum(status != 200 for _, _, status, _, _ in seen),
        "mixed": sum(text != right.get(model) for _, _, _, model, text in seen),
        "by_version": dict(Counter(model for _, _, _, model, _ in seen)),
        "changeover_s": {verb: round(b - a, 1) for verb, (a, b) in times.items()},
        "calm_ms": _percentiles(calm),
        "changing_ms": _percentiles(during),
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {"p50": round(1000 * cuts[49]), "p99": round(1000 * cuts[98])}


def show(found: dict[str, Any]) -> None:
    """Print what became of the requests."""
    print(
        f"{found['requests']} requests of {found['clients']} clients over a change and a rollback:"
    )
    print(f"  lost {found['lost']}, answered by a mix {found['mixed']}, {found['by_version']}")
    print(f"  the changes took {found['changeover_s']} s, from the verb to the first answer")
    for name in ("calm_ms", "changing_ms"):
        print(f"  {name}: p50 {found[name]['p50']:.0f}, p99 {found[name]['p99']:.0f}")


if __name__ == "__main__":
    show(measure())
