"""``python -P -m stemma.serving.worker FOLDER SETTINGS``: SETTINGS is a JSON object."""

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from stemma.errors import boundary
from stemma.registry.serving import calm_threads


def main() -> None:
    """Answer messages until the server closes the stream."""
    folder, settings = Path(sys.argv[1]).absolute(), json.loads(sys.argv[2])
    # Whatever a library prints must not end up among the messages.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    with boundary("stemma serve"):
        _run(folder, settings, out)


def _run(folder: Path, settings: dict[str, Any], out: Any) -> None:
    calm_threads()
    import torch

    from stemma.serving.engines.opening import open_engine
    from stemma.serving.worker.prompts import Prompts
    from stemma.serving.worker.worker import Worker

    if settings["threads"]:
        torch.set_num_threads(settings["threads"])
    engine = open_engine(folder, settings)
    prompts = Prompts(folder, engine.vocabulary)

    def send(message: dict[str, Any]) -> None:
        out.write(json.dumps(message, allow_nan=False) + "\n")

    facts = engine.facts() | {
        "context": engine.context, "generates": engine.generates,
        "chat": engine.generates and prompts.template is not None,
    }  # fmt: skip
    send({"ready": facts})
    out.flush()
    _loop(Worker(engine, prompts, send), out)


def _loop(worker: Any, out: Any) -> None:
    messages: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            messages.put(line)
        # The server is gone, and nobody would take what is computed.
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        while not worker.busy or not messages.empty():
            worker.handle(json.loads(messages.get()))
            out.flush()
        worker.turn()
        out.flush()


if __name__ == "__main__":
    main()
