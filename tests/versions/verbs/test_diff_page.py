"""The HTML page of a diff in a real browser: offline, on a phone and a desk, in light and dark."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, CONTRAST, needs_browser

from stemma.pages.html import html
from stemma.versions.verbs.diff import diff

pytestmark = needs_browser
# Scheme as Blink's settings number it.
SCHEMES = {"dark": 0, "light": 1}
WIDTHS = {"phone": 390, "desk": 1280}
# The page stands in a frame, which may be narrower than the narrowest window; what is found of it
# becomes the text of this document.
HARNESS = """\
<!doctype html><body><iframe id="frame" src="page.html" width="WIDTH" height="800"></iframe>
<script>
CONTRAST
window.onload = () => {
  const view = frame.contentWindow, page = frame.contentDocument;
  const texts = [...page.body.querySelectorAll("*")].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  const found = {
    width: view.innerWidth, across: page.documentElement.scrollWidth,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    ground: luminance(ground(page.body)),
    fetched: view.performance.getEntriesByType("resource").map(entry => entry.name),
    sections: [...page.querySelectorAll("section")].map(section => section.id),
    faint: texts.filter(element => contrast(element, view) < 4.5).map(element => element.outerHTML),
    hidden: texts.filter(element => !element.getBoundingClientRect().width)
      .map(element => element.outerHTML),
    tallest: Math.max(...[...page.querySelectorAll("tr > :first-child")]
      .map(cell => cell.getBoundingClientRect().height)),
  };
  document.body.textContent = JSON.stringify(found);
};
</script>
"""


def browse(folder: Path, file: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a file where no host has an address."""
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr", *options, (folder / file).as_uri(),
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def look(folder: Path, width: int, scheme: str) -> dict[str, Any]:
    harness = HARNESS.replace("WIDTH", str(width)).replace("CONTRAST", CONTRAST)
    (folder / "harness.html").write_text(harness)
    done = browse(
        folder, "harness.html", "--allow-file-access-from-files", "--dump-dom",
        "--window-size=1400,900", f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
    )  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    body = re.search(r"<body>(\{.*\})</body>", done.stdout, re.S)
    assert body, done.stdout
    return json.loads(body[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.fixture(scope="module")
def folder(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the page of a diff that has every kind of block, and a missing section."""
    folder = tmp_path_factory.mktemp("page")
    found = diff("rewritten", "gone", root=history)
    assert found.missing
    (folder / "missing.html").write_text(html(found.page()))
    found = diff("document", "merge", root=history)
    (folder / "page.html").write_text(html(found.page()))
    return folder


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_read_offline_everywhere(folder: Path, width: str, scheme: str):
    found = look(folder, WIDTHS[width], scheme)
    assert found["sections"] == [
        "verdict", "settings", "tokenizer", "weights", "metrics", "behaviour",
    ]  # fmt: skip
    assert found["width"] == WIDTHS[width]
    assert found["across"] <= WIDTHS[width], "it scrolls sideways"
    assert found["fetched"] == []
    assert found["dark"] == (scheme == "dark")
    assert (found["ground"] < 0.05) == (scheme == "dark")
    assert found["faint"] == []
    assert found["hidden"] == []
    assert found["tallest"] < 100, "names are torn into letters"


def test_what_is_missing_stands_there_too(folder: Path):
    done = browse(folder, "missing.html", "--dump-dom")
    assert 'id="weights"' in done.stdout
    assert "missing: models/trained of gone" in done.stdout


def test_a_screenshot(folder: Path):
    picture = folder / "page.png"
    browse(folder, "page.html", f"--screenshot={picture}", "--window-size=800,2000")
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert [int.from_bytes(content[at : at + 4], "big") for at in (16, 20)] == [800, 2000]
    # A blank one takes a tenth.
    assert len(content) > 100_000
