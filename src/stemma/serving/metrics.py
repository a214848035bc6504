"""What Prometheus is told: vLLM's names, so that dashboards made for vLLM work, and few of our own.

Each has the labels ``model_name`` (vLLM's, the model's name) and ``version``.
https://docs.vllm.ai/en/stable/usage/metrics/
"""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LABELS = ("model_name", "version")
_FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
          40, 80, 160, 640, 2560)  # fmt: skip
_BETWEEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
            40, 80)  # fmt: skip
_WHOLE = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920,
          7680)  # fmt: skip

REASONS = ("refused", "busy", "client_gone", "timeout", "engine_away", "engine")
"""Why a request was not answered; the last three are the server's fault."""


class Metrics:
    """All of a server's."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.running = self._gauge("vllm:num_requests_running", "Requests that are computed")
        self.waiting = self._gauge("vllm:num_requests_waiting", "Requests that wait")
        self.prompt = self._counter("vllm:prompt_tokens", "Tokens of prompts")
        self.generated = self._counter("vllm:generation_tokens", "Tokens of answers")
        self.success = self._counter(
            "vllm:request_success", "Requests that were answered", "finished_reason"
        )
        self.first = self._histogram(
            "vllm:time_to_first_token_seconds", "Until the first token", _FIRST
        )
        self.between = self._histogram(
            "vllm:inter_token_latency_seconds", "Between two tokens", _BETWEEN
        )
        self.whole = self._histogram(
            "vllm:e2e_request_latency_seconds", "Until the last token", _WHOLE
        )
        self.queue = self._histogram(
            "vllm:request_queue_time_seconds", "Until a request is begun", _WHOLE
        )
        self.failed = self._counter(
            "stemma:request_failed", "Requests that were not answered", "reason"
        )
        self.info = self._gauge("stemma:version_info", "1 for each version that runs", "role")
        self.restarts = self._counter("stemma:engine_restarts", "Engines that had to be restarted")
        self.changes = self._counter("stemma:changeovers", "Changes of the version", "result")
        self.refused = self._gauge(
            "stemma:version_refused", "1 while a version stands there and is not taken", "why"
        )
        self.lost = Counter(
            "stemma:records_lost", "Requests that are not recorded", registry=self.registry
        )
        self.shadowed = self._counter("stemma:shadow_answers", "Answers of the shadow", "equal")

    def text(self) -> bytes:
        """Return all of them as Prometheus reads them."""
        return generate_latest(self.registry)

    def of(self, artifact: str, version: str) -> Meter:
        """Return those of one version."""
        return Meter(self, artifact, version)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, told, [*_LABELS, *labels], registry=self.registry)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(name, told, [*_LABELS, *labels], registry=self.registry)

    def _histogram(self, name: str, told: str, buckets: Any) -> Histogram:
        return Histogram(name, told, _LABELS, buckets=buckets, registry=self.registry)


class Meter:
    """Those of one version, which it begins with at zero, so that none is missing on a board."""

    def __init__(self, metrics: Metrics, artifact: str, version: str) -> None:
        labels = {"model_name": artifact, "version": version}
        self._all, self._labels = metrics, labels
        self.running, self.waiting = (
            metrics.running.labels(**labels),
            metrics.waiting.labels(**labels),
        )
        self.prompt, self.generated = (
            metrics.prompt.labels(**labels),
            metrics.generated.labels(**labels),
        )
        self.first, self.between = metrics.first.labels(**labels), metrics.between.labels(**labels)
        self.whole, self.queue = metrics.whole.labels(**labels), metrics.queue.labels(**labels)
        self.restarts = metrics.restarts.labels(**labels)
        for reason in ("stop", "length"):
            metrics.success.labels(**labels, finished_reason=reason)
        for reason in REASONS:
            metrics.failed.labels(**labels, reason=reason)

    def success(self, reason: str) -> None:
        """Count a request that was answered."""
        self._all.success.labels(**self._labels, finished_reason=reason).inc()

    def failed(self, reason: str) -> None:
        """Count one that was not."""
        self._all.failed.labels(**self._labels, reason=reason).inc()

    def shadowed(self, equal: bool) -> None:
        """Count an answer of a shadow."""
        self._all.shadowed.labels(**self._labels, equal=str(equal).lower()).inc()

    def role(self, role: str | None) -> None:
        """Say as what the version runs; None for no more."""
        for one in ("current", "canary", "shadow", "also"):
            if one == role:
                self._all.info.labels(**self._labels, role=one).set(1)
            else:
                self._drop(one)

    def _drop(self, role: str) -> None:
        try:
            self._all.info.remove(*self._labels.values(), role)
        except KeyError:
            return


class Clock:
    """Times one request.

    Args:
        meter: of the version that answers it.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._start = time.perf_counter()
        self._last: dict[int, float] = {}
        self.begun: float | None = None
        self.first: float | None = None
        self.tokens = 0

    def begin(self) -> None:
        """The request's turn has come."""
        self.begun = time.perf_counter()
        self._meter.queue.observe(self.begun - self._start)

    def token(self, index: int, tokens: int = 1) -> None:
        """Tokens of an answer have come together."""
        now = time.perf_counter()
        if index in self._last:
            self._meter.between.observe(now - self._last[index])
        elif not self._last:
            self.first = now - self._start
            self._meter.first.observe(self.first)
        self._last[index] = now
        self.tokens += tokens
        self._meter.generated.inc(tokens)

    def end(self, reason: str) -> None:
        """The request is answered."""
        self._meter.whole.observe(self.seconds)
        self._meter.success(reason)

    @property
    def queued(self) -> float | None:
        """Until the request's turn came; None if it has not."""
        return None if self.begun is None else self.begun - self._start

    @property
    def seconds(self) -> float:
        """Since the request came."""
        return time.perf_counter() - self._start
