"""Each named metric is within a floor and a ceiling."""

from pydantic import model_validator

from stemma.config import settings
from stemma.registry.case import Case, Outcome
from stemma.versions.contents.metrics import metric_values

NAME = "limits"


@settings
class Limit:
    """Of one metric, in its unit; null for none."""

    min: float | None = None
    """The floor."""
    max: float | None = None
    """The ceiling."""

    @model_validator(mode="after")
    def _is_one(self) -> "Limit":
        if self.min is None and self.max is None:
            raise ValueError("it has neither min nor max")
        return self


@settings
class Settings:
    """Of the gate."""

    metrics: dict[str, Limit]
    """The limits of each metric."""


def judge(settings: Settings, case: Case) -> Outcome:
    """Say whether every metric is within its limits."""
    values = metric_values(case.metrics) if case.metrics else {}
    told, passed = [], True
    for name, limit in settings.metrics.items():
        value = values.get(name)
        asked = " and ".join(
            f"{word} {bound:g}"
            for word, bound in (("at least", limit.min), ("at most", limit.max))
            if bound is not None
        )
        if value is None:
            told.append(f"{name}: the version has no such metric, {asked} is asked")
            passed = False
            continue
        good = (limit.min is None or value >= limit.min) and (
            limit.max is None or value <= limit.max
        )
        passed &= good
        told.append(f"{name} {value:.4g}, {asked} is asked")
    return Outcome(
        NAME, passed, "; ".join(told), {name: values.get(name) for name in settings.metrics}
    )
