"""Spans and metrics of records have OpenTelemetry's names, and no text."""

import gzip
import http.server
import sys
import threading
import time

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes
from recorded import NOW, over

from stemma.monitoring import semconv
from stemma.monitoring.records import record_of
from stemma.monitoring.telemetry import Telemetry, exporting
from stemma.store.errors import ProjectError


def test_the_names_are_those_of_the_registry():
    known = {
        value for one in (gen_ai_attributes, gen_ai_metrics, error_attributes)
        for value in vars(one).values() if isinstance(value, str)
    }  # fmt: skip
    ours = {value for value in vars(semconv).values()
            if isinstance(value, str) and value.startswith(("gen_ai.", "error."))}  # fmt: skip
    assert len(ours) > 15 and ours <= known
    assert semconv.SCHEMA in {one.value for one in schemas.Schemas}


def test_spans_and_metrics():
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider()
    traces.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry(traces, MeterProvider([reader]))
    telemetry.tell(record_of(over(1), b"salt"))
    failed = over(2, failure="timeout", endpoint="/v1/completions", first=None)
    telemetry.tell(record_of(failed, b"salt"))
    one, other = spans.get_finished_spans()
    assert (one.name, other.name) == ("chat lm", "text_completion lm")
    assert one.attributes is not None and other.attributes is not None
    assert one.attributes["gen_ai.response.model"] == "lm@v1.0.0"
    assert one.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert one.attributes["gen_ai.usage.output_tokens"] == 7
    assert one.start_time is not None and one.end_time is not None
    assert one.end_time - one.start_time == pytest.approx(1e8, rel=1e-3)
    assert one.end_time == pytest.approx(NOW * 1e9)
    assert other.attributes["error.type"] == "timeout" and not other.status.is_ok
    data = reader.get_metrics_data()
    assert data is not None
    found = {one.name: one for one in data.resource_metrics[0].scope_metrics[0].metrics}
    assert {*found} == {*semconv.METRICS}
    (first,) = found["gen_ai.server.time_to_first_token"].data.data_points
    assert first.sum == pytest.approx(0.02) and first.count == 1
    assert found["gen_ai.server.request.duration"].unit == "s"
    assert "Horatio" not in data.to_json() + one.to_json() + other.to_json()
    telemetry.close()


def test_a_collector(monkeypatch: pytest.MonkeyPatch):
    came: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        telemetry = exporting()
        telemetry.tell(record_of(over(1), b"salt"))
        telemetry.close()
        server.shutdown()
    assert {path for path, _ in came} == {"/v1/traces", "/v1/metrics"}
    assert any(b"chatcmpl-1" in body for _, body in came)
    assert not any(b"Horatio" in body for _, body in came)


def test_a_collector_that_is_not_there_keeps_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    telemetry = exporting()
    begun = time.monotonic()
    telemetry.tell(record_of(over(1), b"salt"))
    assert time.monotonic() - begun < 0.5
    monkeypatch.setattr("stemma.monitoring.telemetry._END", 0.5)
    telemetry.close()
    assert time.monotonic() - begun < 2


def test_without_the_packages_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ProjectError, match=r"not installed: opentelemetry.sdk.trace .*\[otel\]"):
        exporting()
