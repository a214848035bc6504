"""Stands in for `vllm serve`: the same endpoints, and the form of what vLLM 0.32 sends."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5}
WORDS = ["I ", "am ", "vLLM."]


class Handler(BaseHTTPRequestHandler):
    """Answers three words to whatever is asked."""

    def do_GET(self) -> None:
        told: Any = {
            "/health": {}, "/version": {"version": "0.32.0"},
            "/v1/models": {"data": [{"id": "model", "max_model_len": 64}]},
        }[self.path]  # fmt: skip
        self._send(200, told)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("prompt") == "die":
            sys.stdout.flush()
            import os

            os._exit(9)
        if asked.get("max_tokens", 1) > 64:
            error = {"message": "max_tokens is too large", "type": "BadRequestError", "code": 400}
            self._send(400, {"error": error})
            return
        if not asked.get("stream"):
            logprobs = [None, {"1": {"logprob": -1.0}}, {"2": {"logprob": -2.0}}]
            is_chat = self.path == "/v1/chat/completions"
            choice = {} if is_chat else {"prompt_logprobs": logprobs}
            whole = {"prompt_logprobs": logprobs} if is_chat else {}
            self._send(200, whole | {"choices": [choice]})
            return
        assert asked["model"] == "model" and asked["stream_options"]["continuous_usage_stats"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for number, word in enumerate(WORDS):
            finish = "stop" if number + 1 == len(WORDS) else None
            text = {"delta": {"content": word}} if "messages" in asked else {"text": word}
            choice = {"index": 0, "logprobs": None, "finish_reason": finish, **text}
            self._event({"choices": [choice], "usage": USAGE})
            time.sleep(0.01)
        self._event({"choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _event(self, told: Any) -> None:
        self.wfile.write(f"data: {json.dumps(told)}\n\n".encode())
        self.wfile.flush()

    def _send(self, status: int, told: Any) -> None:
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


if __name__ == "__main__":
    assert sys.argv[1] == "serve" and sys.argv[3:5] == ["--host", "127.0.0.1"]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[6])), Handler).serve_forever()
