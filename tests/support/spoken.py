"""What a section of a diff says, taken apart again."""

from stemma.versions.differences.section import Section


def clauses(section: Section) -> tuple[str, ...]:
    """Return what stands in the only sentence of a section."""
    (words,) = section.words
    subject = f"{section.name.capitalize()}: "
    assert words.startswith(subject)
    assert words.endswith(".")
    return tuple(words.removeprefix(subject).removesuffix(".").split("; "))
