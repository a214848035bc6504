"""`stemma chat`: talk with a version in the terminal."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stemma.cli.group import main

if TYPE_CHECKING:
    from stemma.serving.chat import Talk

_HELP = "/new forgets the conversation, /system TEXT says what stands before it; /good, /bad \
and /correct TEXT judge the last answer; Ctrl-C stops an answer, Ctrl-D leaves"
_THUMBS = {"/good": "up", "/bad": "down"}
_WORDS = {"chats": "message", "continues": "text to go on with", "classifies": "text to classify"}


@main.command()
@click.argument("version", required=False, metavar="[VERSION]")
@click.option("--path", type=click.Path(path_type=Path), help="A folder with a model.")
@click.option("--url", metavar="URL", help="A server (default: http://127.0.0.1:8000).")
@click.option("--key", envvar="STEMMA_API_KEY", help="Of the server; or STEMMA_API_KEY.")
@click.option("--system", default="", metavar="TEXT", help="What stands before the conversation.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 for the likeliest answer.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Of an answer.")
def chat(
    version: str | None, path: Path | None, url: str | None, key: str | None, system: str,
    temperature: float | None, max_tokens: int | None,
) -> None:  # fmt: skip
    """Talk with a server that runs, or with VERSION, which is served for as long as you talk.

    VERSION is a registered one, such as lm@v1.2.0, or any commit; with --url, one that this server
    has. Without a terminal each line of standard input is a message.

    \b
    stemma chat
    stemma chat lm@v1.2.0
    stemma chat --path models/exported --temperature 0
    echo 'Who is there?' | stemma chat --url http://gpu.example.org:8000
    """  # noqa: D301 (click wants the character, not two)
    from stemma.errors import SettingsError
    from stemma.serving.chat import Sampling, connected

    if path is not None and (version or url):
        raise SettingsError("--path was given with another one", "give --path alone")
    own = url is None and (version is not None or path is not None)
    with _at(version, path, url, own) as place:
        sampling = Sampling(temperature, max_tokens)
        with connected(place, key, None if own else version, sampling) as talk:
            talk.system = system
            if sys.stdin.isatty():
                _converse(talk, place)
            else:
                _answer_lines(talk)


@contextlib.contextmanager
def _at(version: str | None, path: Path | None, url: str | None, own: bool) -> Iterator[str]:
    from stemma.serving.chat import DEFAULT_URL
    from stemma.serving.own import serving, words_for
    from stemma.streams import say

    if not own:
        yield url or DEFAULT_URL
        return
    if sys.stdin.isatty():
        say(f"{path or version}: starting …", err=True)
    with serving(words_for(version, path)) as place:
        yield place


def _answer_lines(talk: "Talk") -> None:
    for line in sys.stdin:
        if line.strip():
            for piece in talk.ask(line.rstrip("\r\n")):
                _show(piece)
            _show("\n")


def _converse(talk: "Talk", place: str) -> None:
    from stemma.store.errors import ProjectError
    from stemma.streams import say

    # What was typed comes back with the arrow keys.
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401

    say(f"{talk.version} at {place}. Type a {_WORDS[talk.does]}. {_HELP}.", err=True)
    while True:
        try:
            text = input("> ")
        except EOFError:
            say("")
            return
        except KeyboardInterrupt:
            say("")
            continue
        if not text.strip() or _obeyed(talk, text.strip()):
            continue
        before = talk.version
        try:
            _stream(talk, text)
        except ProjectError as error:
            say(f"stemma: {error}", err=True)
        if talk.version != before:
            say(f"(answered by {talk.version})", err=True)


def _stream(talk: "Talk", text: str) -> None:
    """Show an answer as it comes; Ctrl-C ends it, and what was said of it stays said."""
    # Closed at once, so that the server stops too.
    with contextlib.closing(talk.ask(text)) as pieces:
        try:
            for piece in pieces:
                _show(piece)
        except KeyboardInterrupt:
            _show(" … stopped")
        finally:
            _show("\n")


def _obeyed(talk: "Talk", text: str) -> bool:
    """Do what a command says; returns whether it was one."""
    from stemma.streams import say

    word, _, rest = text.partition(" ")
    if word == "/new":
        talk.new()
        say("(a new conversation)", err=True)
    elif word == "/system":
        talk.system = rest.strip()
        say(f"({'set' if talk.system else 'nothing stands before the conversation'})", err=True)
    elif word in _THUMBS or (word == "/correct" and rest.strip()):
        _judge(talk, _THUMBS.get(word), None if word in _THUMBS else rest.strip())
    elif word.startswith("/") and word[1:].isalpha():
        say(f"there is no {word}; {_HELP}", err=True)
    else:
        return False
    return True


def _judge(talk: "Talk", thumb: str | None, correction: str | None) -> None:
    from stemma.store.errors import ProjectError
    from stemma.streams import say

    try:
        talk.judge(thumb, correction)
        say("(kept)", err=True)
    except ProjectError as error:
        say(f"stemma: {error}", err=True)


def _show(piece: str) -> None:
    from stemma.streams import visible

    sys.stdout.write(visible(piece))
    sys.stdout.flush()
