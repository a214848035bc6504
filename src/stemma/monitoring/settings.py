"""What is recorded of requests, and for how long."""

from typing import Annotated

from pydantic import Field

from stemma.config import Positive, settings

Days = Annotated[float, Field(gt=0)]
Hours = Annotated[float, Field(gt=0)]


@settings
class MonitoringSettings:
    """What is recorded of requests, and for how long."""

    record: bool
    """Whether there is a record of each request; it never holds a text."""
    most_megabytes: Positive
    """Of all records; the oldest ones go first."""
    days: Days
    """After which a record is deleted."""
    keep_text: bool
    """Whether the texts of requests whose clients consent are kept too, masked."""
    text_days: Days
    """After which a text is deleted; its record stays."""
    measured_per_minute: Annotated[float, Field(ge=0)]
    """Most prompts of which the model is asked what it makes of them; 0 for none."""
    probe_hours: Hours | None
    """After which an engine is asked again what it makes of the reference; null never asks."""
    otel: bool
    """Whether spans and metrics go to where OTEL_EXPORTER_OTLP_ENDPOINT says."""
