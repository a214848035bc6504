"""Serves what was found last: a page that refreshes itself, and gauges for Prometheus."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stemma import extras
from stemma.monitoring.watching.page import page
from stemma.monitoring.watching.verb import Watch
from stemma.pages.html import html
from stemma.store.errors import ProjectError

_REFRESH = 60.0  # seconds, at most
_WAITING = "The first look is not over yet.\n"


class Live:
    """What is told to whoever asks.

    Args:
        every: seconds between two looks.
    """

    def __init__(self, every: float) -> None:
        self._refresh = str(max(1, int(min(every, _REFRESH))))
        self._page, self._metrics, self._status = _WAITING.encode(), b"", 503
        self._kind = "text/plain"
        self._gauges = Gauges() if _has_prometheus() else None
        self.url = ""

    def show(self, found: Watch) -> None:
        """Tell of a look from now on."""
        self._page = html(page(found)).encode(errors="replace")
        self._kind, self._status = "text/html", 200
        if self._gauges:
            self._metrics = self._gauges.text(found)

    def failed(self, why: str) -> None:
        """Tell that a look was not possible; the gauges say so by the time of the last look."""
        self._page = f"cannot look: {why}\n".encode(errors="replace")
        self._kind, self._status = "text/plain", 503

    def answer(self, path: str) -> tuple[int, str, bytes, str]:
        """Return status, type and body for a path, and after how many seconds to ask again."""
        if path == "/":
            return self._status, self._kind, self._page, self._refresh
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", self._metrics, ""
        if path == "/favicon.ico":  # browsers ask by themselves
            return 204, "image/x-icon", b"", ""
        return 404, "text/plain", b"There are / and /metrics.\n", ""


class Gauges:
    """What Prometheus is told of the last look."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Gauge

        self.registry = CollectorRegistry()
        labels = ("version", "feature")

        def gauge(name: str, told: str, labels: tuple[str, ...] = labels) -> Gauge:
            return Gauge(f"stemma_watch_{name}", told, labels, registry=self.registry)

        self.effect = gauge("effect", "How far a feature has moved, in its thresholds")
        self.p = gauge("p", "Probability of so much if nothing had changed")
        self.alarm = gauge("alarm", "1 if it has drifted")
        self.sample = gauge("sample", "Values of the window that were compared; 0: cannot tell")
        self.last = gauge("last_look_seconds", "End of the window, since 1970", ("version",))

    def text(self, found: Watch) -> bytes:
        """Return them as Prometheus reads them; what cannot be told has no effect and no p."""
        from prometheus_client import generate_latest

        for one in (self.effect, self.p, self.alarm, self.sample, self.last):
            one.clear()
        for column in found.columns:
            self.last.labels(column.version).set(found.until)
            for one in column.findings:
                labels = column.version, one.feature
                self.alarm.labels(*labels).set(one.alarms)
                self.sample.labels(*labels).set(one.values[1])
                if one.in_thresholds is not None and one.p is not None:
                    self.effect.labels(*labels).set(one.in_thresholds[1])
                    self.p.labels(*labels).set(one.p)
        return generate_latest(self.registry)


@contextlib.contextmanager
def served(port: int | None, every: float) -> Iterator[Live]:
    """Yield what to tell of looks; it is served to this machine while the context lasts.

    Args:
        port: where; 0 for any that is free, None to serve nothing.
        every: seconds between two looks.

    Raises:
        ProjectError: the port is taken, or a package is missing.
    """
    live = Live(every)
    if port is None:
        yield live
        return
    if not _has_prometheus():
        raise ProjectError("--port needs prometheus-client", extras.install("serve"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body, refresh = live.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            if refresh:
                self.send_header("Refresh", refresh)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the terminal has a line per look."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ProjectError(f"port {port} cannot be had: {error.strerror}", "--port 0") from error
    live.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield live
    finally:
        server.shutdown()
        server.server_close()


def _has_prometheus() -> bool:
    from importlib.util import find_spec

    return find_spec("prometheus_client") is not None
