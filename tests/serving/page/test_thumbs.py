"""Thumbs under answers, in a real browser."""

from browser import Browser, needs_browser
from paged import say
from standin import StandIn

pytestmark = needs_browser
THUMBS = "document.querySelectorAll('#chat-log .thumbs button')"
KEPT = "[...document.querySelectorAll('#chat-log .kept')].map(one => one.textContent)"


def test_a_thumb_is_bound_to_its_answer(page: Browser, server: StandIn):
    say(page, "One")
    say(page, "Two")
    assert page.evaluate(f"[...{THUMBS}].map(one => one.ariaLabel)") == [
        "Good answer", "Bad answer",
    ] * 2  # fmt: skip
    page.evaluate(f"{THUMBS}[3].click()")
    page.wait(f"{KEPT}.length === 1")
    assert server.judged == [{"response_id": "chatcmpl-2", "thumb": "down"}]
    assert page.evaluate(f"{THUMBS}.length") == 2, "an answer is judged once"
    page.reload()
    page.wait("document.querySelectorAll('#chat-log article').length === 4")
    assert page.evaluate(KEPT) == ["👎 Bad answer: kept."], "a reload forgets it"
    page.evaluate(f"{THUMBS}[0].click()")
    page.wait(f"{KEPT}.length === 2")
    assert server.judged[1] == {"response_id": "chatcmpl-1", "thumb": "up"}
    assert page.console == []


def test_what_is_not_taken_is_told_and_can_be_tried_again(page: Browser, server: StandIn):
    say(page, "One")
    told = {"message": "feedback cannot be written now", "type": "x", "param": None, "code": None}
    server.failing = {"content": {"error": told}, "status_code": 503}
    page.evaluate(f"{THUMBS}[0].click()")
    page.wait("document.querySelector('#chat-log .thumbs .error')?.textContent")
    assert page.text("#chat-log .thumbs .error") == "Feedback cannot be written now."
    server.failing = None
    page.evaluate(f"{THUMBS}[0].click()")
    page.wait(f"{KEPT}.length === 1")


def test_half_an_answer_has_none(page: Browser, server: StandIn):
    server.pause = 0.2
    page.type("Go on")
    page.press("Enter")
    page.wait("/^To be/.test(document.querySelector('#chat-log .answer .text')?.textContent)")
    page.press("Escape")
    page.wait("document.getElementById('state').textContent === 'Stopped.'")
    assert page.evaluate(f"{THUMBS}.length") == 0
