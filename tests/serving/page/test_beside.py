"""Two versions side by side, and the vote on which answer is better."""

import hashlib

from browser import Browser, needs_browser
from paged import ANSWERED, say, show
from standin import StandIn

from stemma.store.votes import read

pytestmark = needs_browser


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
