"""How the page looks and is reached: on a phone and a desk, light and dark, by keyboard, by ear."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, needs_browser
from standin import StandIn, served

pytestmark = needs_browser
WIDTHS = {"phone": 360, "desk": 1280}
INSIDE = ("document.documentElement.scrollWidth", "innerWidth")
# What is focused, where, and whether that is seen.
FOCUSED = """\
(one => { const look = getComputedStyle(one); const box = one.getBoundingClientRect(); return {
  what: one.id || one.textContent.trim().slice(0, 20),
  place: [...document.querySelectorAll("*")].indexOf(one),
  ring: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2,
  inside: box.width > 0 && box.left >= -1 && box.right <= innerWidth + 1 };
})(document.activeElement)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A page where each view has something to show, an error among it."""
    folder = tmp_path_factory.mktemp("looks")
    server, browser = StandIn(folder / "votes.jsonl"), Browser(folder / "profile")
    with served(server.app()) as url:
        browser.open(f"{url}/")
        for view in ("chat", "beside"):
            browser.wait("document.activeElement.id === 'text'")
            browser.evaluate(f"location.hash = '#{view}'")
            browser.wait(f"!document.getElementById('view-{view}').hidden")
            browser.evaluate("document.getElementById('text').focus()")
            for told in ("Answered.", "Not answered."):
                server.breaks = told != "Answered."
                browser.type("averyveryverylongwordthatnobodywouldeverbreak" * 3)
                browser.press("Enter")
                browser.wait(f"document.getElementById('state').textContent === '{told}'")
        browser.evaluate("document.getElementById('settings').open = true")
        yield browser
    browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_view_fits_and_is_read(page: Browser, tmp_path: Path, width: str, scheme: str):
    page.size(WIDTHS[width])
    page.scheme(scheme)
    for view in ("chat", "beside", "version"):
        page.evaluate(f"location.hash = '#{view}'")
        page.wait(f"!document.getElementById('view-{view}').hidden")
        if view == "version":
            page.wait("document.querySelectorAll('.panel').length === 5")
        across, inner = (page.evaluate(one) for one in INSIDE)
        assert across <= inner == WIDTHS[width], f"{view} scrolls sideways"
        assert page.faint() == []
        assert len(page.picture(tmp_path / f"{view}.png")) > 10_000
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert dark == (scheme == "dark")


@pytest.mark.parametrize("view", ["chat", "beside", "version"])
def test_all_is_reached_by_keyboard(page: Browser, view: str):
    page.size(1280)
    page.evaluate(f"location.hash = '#{view}'")
    page.wait(f"!document.getElementById('view-{view}').hidden")
    if view == "version":
        page.wait("document.querySelectorAll('.panel').length === 5")
    wanted = page.evaluate(
        "[...document.querySelectorAll('a, button, select, input, textarea, summary, pre, .wide')]"
        ".filter(one => one.checkVisibility() && !one.disabled).length"
    )
    page.evaluate("document.querySelector('a.skip').focus()")
    reached = [page.evaluate(FOCUSED)]
    for _ in range(wanted - 1):
        page.press("Tab")
        reached.append(page.evaluate(FOCUSED))
    assert [one for one in reached if not (one["ring"] and one["inside"])] == []
    assert len({one["place"] for one in reached}) == wanted


def test_what_a_screen_reader_finds(page: Browser):
    for view, named in (("chat", "Conversation"), ("beside", "Rounds")):
        page.evaluate(f"location.hash = '#{view}'")
        page.wait(f"!document.getElementById('view-{view}').hidden")
        roles = page.roles()
        found = {role for role, _ in roles}
        assert {"banner", "main", "navigation", "log", "form", "status", "heading"} <= found
        assert ("log", named) in roles
        asked = ("button", "textbox", "combobox", "checkbox", "spinbutton", "link")
        assert [role for role, name in roles if role in asked and not name] == []
    live = page.evaluate("[...document.querySelectorAll('[role=log]')].map(one => one.ariaLive)")
    assert live == ["polite", "polite"]
