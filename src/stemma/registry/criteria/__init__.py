"""The gates: each a module with ``Settings`` and ``judge(settings, case)``.

A gate reads what a version holds and says whether it may pass, with the evidence. What it cannot
tell does not pass. A project's own gate is a function of a case and of the keys beside
``_target_``, which returns whether the version passes and the evidence.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from stemma import own
from stemma.config import build
from stemma.errors import SettingsError, StemmaError
from stemma.layout import GATES
from stemma.registry.case import Case, Outcome
from stemma.registry.policy import OWN


def judged(case: Case, gates: Mapping[str, Mapping[str, Any] | None]) -> Iterator[Outcome]:
    """Yield what each gate says of a version, in the order of the settings.

    Raises:
        SettingsError: a setting of a gate is missing, unknown or wrong. It is raised before the
            first gate is asked.
    """
    asked = {name: values for name, values in gates.items() if values is not None}
    own.reach(case.root)
    prepared = [(name, _prepared(name, values)) for name, values in asked.items()]
    for name, judge in prepared:
        try:
            yield judge(case)
        except SettingsError:
            raise
        except StemmaError as error:
            # A torn file, or bytes that are nowhere: the version cannot pass, and the others are
            # asked all the same.
            yield Outcome(name, False, f"it cannot be told: {error}", {"error": error.message})


def names() -> list[str]:
    """Return the names of all gates that there are."""
    return sorted(one.name for one in pkgutil.iter_modules(__path__))


def described() -> dict[str, str]:
    """Return what each gate asks, in the first line of its module."""
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names()}
    return {name: (module.__doc__ or "").splitlines()[0] for name, module in modules.items()}


def _prepared(name: str, values: Mapping[str, Any]) -> Any:
    if OWN in values:
        return _own(name, values)
    module = importlib.import_module(f"{__name__}.{name}")
    settings = build(module.Settings, values, f"{GATES}/", name)
    return lambda case: module.judge(settings, case)


def _own(name: str, values: Mapping[str, Any]) -> Any:
    from hydra.utils import get_method

    target = values[OWN]
    try:
        function = get_method(str(target))
    except (ImportError, ValueError) as error:
        cause = error.__cause__ or error
        raise SettingsError(
            f"{GATES}/: {name}.{OWN} is {target!r}, which cannot be imported: "
            + " ".join(str(cause).split()),
            "it names a function, as in mypackage.gates.polite",
        ) from error
    keys = {key: value for key, value in values.items() if key != OWN}

    def judge(case: Case) -> Outcome:
        try:
            passed, evidence = function(case, **keys)
        except (TypeError, ValueError) as error:
            raise SettingsError(
                f"{target} does not answer as a gate does: {error}",
                "it takes the case and its settings, and returns whether it passes and why",
            ) from error
        return Outcome(name, bool(passed), str(evidence))

    return judge
