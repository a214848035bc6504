"""How two versions were measured: the settings on which their metrics depend."""

from typing import Any

from stemma.store.version import Version

TASK = "task.name"
"""The key under which another task is told."""
# The settings of ``evaluate`` that decide how much a model sees while it is measured.
_MEASURING = ("context", "stride")


def measuring(a: Version, b: Version) -> dict[str, tuple[Any, Any]]:
    """Return the settings of measuring that differ: both values by key.

    Raises:
        ProjectError: dvc.lock of a version cannot be read.
    """
    left, right = (
        {
            f"{section}.{key}": value
            for stage in version.stages()
            if stage.name == "evaluate"
            for section, settings in stage.params.items()
            if section in ("task", "evaluate") and isinstance(settings, dict)
            for key, value in settings.items()
            if section == "task" or key in _MEASURING
        }
        for version in (a, b)
    )
    # A version may be older than a setting.
    return {
        key: (left[key], right[key])
        for key in sorted(left.keys() & right.keys())
        if left[key] != right[key]
    }
