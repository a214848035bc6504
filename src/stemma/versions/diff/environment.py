"""Which packages changed, of those that environment.lock declares."""

import re

from stemma.layout import ENVIRONMENT
from stemma.versions.diff.section import Cell, Section, Table, without
from stemma.versions.version import Version

NAME = "environment"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;#]+)\s*(;[^#]*)?")


def compare(a: Version, b: Version) -> Section | None:
    """Compare the declared packages of two versions.

    Returns:
        None if they are the same, if neither declares any, or if one is a model alone.
    """
    left, right = _packages(a), _packages(b)
    if left is None or right is None:
        if left is right or not (a.has_reports and b.has_reports):
            return None
        return without(NAME, (a if left is None else b).name, ENVIRONMENT, "packages")
    names = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
    if not names:
        return None
    facts = {name: {"a": left.get(name), "b": right.get(name)} for name in names}
    pins = [(name, left.get(name, "none"), right.get(name, "none")) for name in names]
    rows = tuple((name, Cell(one, "removed"), Cell(two, "added")) for name, one, two in pins)
    spoken = ", ".join(f"{name} {one} → {two}" for name, one, two in pins)
    words = f"Another environment: {spoken}."
    return Section(NAME, (words,), facts, (Table("", ("package", a.name, b.name), rows),))


def _packages(version: Version) -> dict[str, str] | None:
    """Return the versions by package and the marker under which they count."""
    raw = version.read(ENVIRONMENT.as_posix())
    if raw is None:
        return None
    pins = filter(None, map(_PIN.match, raw.decode(errors="replace").splitlines()))
    return {f"{pin[1]}{' ' + pin[3].strip() if pin[3] else ''}": pin[2] for pin in pins}
