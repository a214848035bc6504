"""The page of `stemma watch` in a browser, and what Prometheus reads."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from browser import Browser, needs_browser
from project import environment, heed_interrupts
from watched import HOUR, NOW, fill

from stemma.monitoring.watching import live, watch
from stemma.monitoring.watching.features import FEATURES
from stemma.monitoring.watching.verb import Watch
from stemma.store.errors import ProjectError

SMALL = "sample: 100\nfeedback: 32\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    (folder / "conf").mkdir()
    (folder / "conf/watch.yaml").write_text(SMALL)
    fill(folder, 150, NOW - 60 * HOUR, NOW - 40 * HOUR, thumbs=2)
    fill(folder, 400, NOW - 20 * HOUR, NOW, seed=2, shift=0.7, thumbs=2, down=0.4)
    fill(folder, 250, NOW - 60 * HOUR, NOW, "beta", 3, thumbs=3, role="canary")
    return folder


@pytest.fixture(scope="module")
def found(root: Path) -> Watch:
    return watch(version="alpha", now=NOW, root=root)


@pytest.fixture(scope="module")
def url(found: Watch) -> Iterator[str]:
    with live.served(0, 600) as told:
        assert httpx.get(told.url).status_code == 503
        told.show(found)
        yield told.url


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_and_is_read(url: str, tmp_path: Path, width: int, scheme: str):
    browser = Browser(tmp_path / "profile")
    browser.open(url, width, 900, scheme)
    across, inner = (browser.evaluate(one) for one in
                     ("document.documentElement.scrollWidth", "innerWidth"))  # fmt: skip
    assert across <= inner == width
    assert browser.faint() == []
    heads = browser.evaluate("[...document.querySelectorAll('h2')].map(one => one.innerText)")
    assert heads == ["Verdict", "Drift", "Traffic", "Latency", "Feedback"]
    assert browser.evaluate("document.querySelectorAll('.bars').length") == 2 + 4 + 2
    assert browser.evaluate("document.querySelectorAll('.forest').length") == 2
    # A bar, a tick and an interval are there to see.
    for shape in (".bars rect", ".forest rect.worse", ".forest rect.better"):
        box = f"document.querySelector('{shape}').getBoundingClientRect()"
        assert browser.evaluate(f"{box}.width * {box}.height") > 1, shape
    assert len(browser.picture(tmp_path / "page.png")) > 10_000
    assert browser.console == []
    browser.close()


def test_it_refreshes_itself(url: str):
    told = httpx.get(url)
    assert told.headers["Refresh"] == "60" and "perplexity drifted" in told.text
    assert "<script" not in told.text
    assert httpx.get(f"{url}/other").status_code == 404


def test_gauges(url: str, found: Watch):
    text = httpx.get(f"{url}/metrics").text
    told = dict(re.findall(r"^(stemma_watch_\w+\{.*\}) (\S+)$", text, re.M))
    names = {one.split('feature="')[1].split('"')[0] for one in told if "feature" in one}
    assert names == {one.name for one in FEATURES}
    labels = '{feature="nats",version="alpha"}'
    assert float(told["stemma_watch_alarm" + labels]) == 1
    assert float(told["stemma_watch_effect" + labels]) > 1 > float(told["stemma_watch_p" + labels])
    assert float(told["stemma_watch_sample" + labels]) == 100
    assert float(told['stemma_watch_last_look_seconds{version="alpha"}']) == found.until
    assert 'stemma_watch_p{feature="probes",version="alpha"}' not in told, "it cannot be told"
    assert float(told['stemma_watch_sample{feature="probes",version="alpha"}']) == 0


def test_a_port_that_is_taken(url: str):
    with pytest.raises(ProjectError, match="cannot be had"), live.served(int(url[-5:]), 600):
        pass


def test_looking_again_and_again(root: Path):
    """A line per look, also where no look is possible; Ctrl-C ends it."""
    words = ["-m", "stemma.cli", "watch", "--version", "alpha", "--every", "1s", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, *words], cwd=root, env=environment() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    url = re.search(r"Page (\S+)/, metrics", lines[0])
    assert url and "cannot tell: too few requests" in lines[2], lines
    assert httpx.get(url[1]).status_code == 200
    file = root / "runs/monitoring/records.db"
    file.rename(file.with_suffix(".away"))
    end = time.monotonic() + 30
    while "cannot look" not in (line := process.stdout.readline()):
        assert time.monotonic() < end and line
    assert "stemma serve" in line and httpx.get(url[1]).status_code == 503
    file.with_suffix(".away").rename(file)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
