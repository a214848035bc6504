"""Tells OpenTelemetry of records: a span and measurements of each, to a collector."""

from __future__ import annotations

import threading
from typing import Any

from stemma import extras
from stemma.monitoring import semconv
from stemma.monitoring.records import Record
from stemma.store.errors import ProjectError

_END = 5.0  # seconds for what waits, when the server ends
_TIMEOUT = 5  # seconds for a collector to answer
_NANO = 1_000_000_000


class Telemetry:
    """Makes spans and measurements of records.

    Args:
        traces: a TracerProvider of OpenTelemetry's SDK.
        metrics: a MeterProvider of it.
    """

    def __init__(self, traces: Any, metrics: Any) -> None:
        self._providers = traces, metrics
        self._tracer = traces.get_tracer("stemma", schema_url=semconv.SCHEMA)
        meter = metrics.get_meter("stemma", schema_url=semconv.SCHEMA)
        self._histograms = {
            name: meter.create_histogram(name, unit=unit, description=told)
            for name, (unit, told) in semconv.METRICS.items()
        }

    def tell(self, record: Record) -> None:
        """Take in a record."""
        from opentelemetry.trace import SpanKind, StatusCode

        span = self._tracer.start_span(
            semconv.span_name(record), kind=SpanKind.SERVER,
            attributes=semconv.span_attributes(record),
            start_time=int((record.time - record.seconds) * _NANO),
        )  # fmt: skip
        if record.failure:
            span.set_status(StatusCode.ERROR, record.failure)
        span.end(int(record.time * _NANO))
        attributes = semconv.metric_attributes(record)
        for name, value, own in semconv.measurements(record):
            self._histograms[name].record(value, attributes | own)

    def close(self) -> None:
        """Send what waits, as long as that takes no more than seconds."""
        ending = threading.Thread(target=self._end, daemon=True)
        ending.start()
        ending.join(_END)

    def _end(self) -> None:
        for one in self._providers:
            one.shutdown()


def exporting() -> Telemetry:
    """Return what sends to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.

    Raises:
        ProjectError: OpenTelemetry's SDK is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ProjectError(
            f"monitoring.otel needs a package that is not installed: {error.name}",
            f"`{extras.install('otel')}` installs it",
        ) from error
    resource = Resource.create({SERVICE_NAME: "stemma"})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_TIMEOUT)))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=_TIMEOUT))
    return Telemetry(traces, MeterProvider([reader], resource=resource))
