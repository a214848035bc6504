"""What people do on the page of a server."""

import json

from browser import Browser

ANSWERED = "document.getElementById('state').textContent"
READY = "document.activeElement.id === 'text' && document.title.startsWith('lm@')"


def say(page: Browser, text: str, told: str = "Answered.") -> None:
    """Type a text and Enter, and wait until the page says how that went."""
    page.type(text)
    page.press("Enter")
    page.wait(f"{ANSWERED} === {json.dumps(told)}")


def show(page: Browser, view: str) -> None:
    """Go to a view."""
    page.evaluate(f"document.querySelector('nav a[href=\"#{view}\"]').click()")
    page.wait(f"!document.getElementById('view-{view}').hidden")
    page.evaluate("document.getElementById('text').focus()")
