"""What the model of a version wrote from fixed prompts: reports/samples.md, read back."""

import re

from stemma.store.version import Version

# The closing fence is the first line that equals the opening one: the text holds no fence so long.
_SAMPLE = re.compile(
    r"^## (?P<heading>[^\n]*)\n\n(?P<fence>`{3,})text\n(?P<text>.*?)\n(?P=fence)$", re.M | re.S
)


def read_samples(version: Version) -> dict[str, str] | None:
    """Return what stands under each heading; None if the version has no such page.

    A heading that comes again is numbered.
    """
    raw = version.read(version.declared.samples)
    if raw is None:
        return None
    samples: dict[str, str] = {}
    for found in _SAMPLE.finditer(raw.decode(errors="replace")):
        heading, count = found["heading"], 1
        while heading in samples:
            count += 1
            heading = f"{found['heading']} ({count})"
        samples[heading] = found["text"]
    return samples
