"""Which of the packages changed that environment.lock declares."""

from stemma.layout import ENVIRONMENT
from stemma.pages.blocks import Table
from stemma.store.version import Version
from stemma.versions.contents.environment import packages
from stemma.versions.differences.section import Alike, Section, without

NAME = "environment"
_NAMED = 4  # packages; if there are more, they are counted


def compare(a: Version, b: Version) -> Section | Alike:
    """Compare the declared packages of two versions.

    Returns:
        EQUAL if they are the same; ABSENT if neither version declares any, or if one of them is
        only a model.

    Raises:
        ProjectError: environment.lock of a version cannot be read.
    """
    left, right = packages(a), packages(b)
    if left is None or right is None:
        has = left is not None, right is not None
        return without(NAME, (a, b), has, ENVIRONMENT, "packages")
    names = sorted(name for name in {*left, *right} if left.get(name) != right.get(name))
    if not names:
        return Alike.EQUAL
    facts = {name: {"a": left.get(name), "b": right.get(name)} for name in names}
    pins = [(name, left.get(name, "none"), right.get(name, "none")) for name in names]
    spoken = ", ".join(f"{name} {one} → {two}" for name, one, two in pins[:_NAMED])
    more = f" and {len(pins) - _NAMED} more" if len(pins) > _NAMED else ""
    words = f"Another environment: {spoken}{more}."
    return Section(NAME, (words,), facts, (Table("", ("package", a.name, b.name), tuple(pins)),))
