"""Keys and tokens of well-known services, told by the shapes that the services document.

Shared with the composer of settings, which refuses to write a secret into a committed file;
therefore standard library only.
"""

import re

# Each service with a literal that every key of it holds (a cheap test) and the shape of the key.
_SHAPES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("AWS", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z2-7]{16}"),
    ("AWS", ("aws_secret", "AWS_SECRET"), r"(?i:aws_secret_access_key)[\"'\s:=]{1,6}[A-Za-z0-9/+]{40}"),
    ("GitHub", ("gh", "github_pat_"), r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{50,255}"),
    ("GitLab", ("glpat-",), r"glpat-[\w-]{20,64}"),
    ("Slack", ("xox", "xapp-", "hooks.slack"), r"xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,250}|https://hooks\.slack\.com/services/[\w/]{20,100}"),
    ("Stripe", ("k_live_", "k_test_", "whsec_"), r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{32,100}"),
    ("Anthropic", ("sk-ant-",), r"sk-ant-[\w-]{20,250}"),
    ("OpenAI", ("sk-",), r"sk-(?:proj-|svcacct-|admin-)[\w-]{20,250}|sk-[A-Za-z0-9]{32,64}"),
    ("Google", ("AIza", "GOCSPX-", "ya29."), r"AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\.[\w-]{30,500}"),
    ("Hugging Face", ("hf_",), r"hf_[A-Za-z]{30,40}"),
    ("JSON Web Token", ("eyJ",), r"eyJ[\w-]{10,4000}\.eyJ[\w-]{10,8000}\.[\w-]{10,2000}"),
    (
        "private key",
        ("PRIVATE KEY",),
        r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:[\s\S]{0,20000}?-----END (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
)  # fmt: skip
_SECRETS = [
    (service, hints, re.compile(rf"(?<![A-Za-z0-9_])(?:{shape})(?![A-Za-z0-9])", re.ASCII))
    for service, hints, shape in _SHAPES
]


def find_secret(text: str) -> str | None:
    """Return the service whose key or token stands in the text, or None."""
    for service, hints, pattern in _SECRETS:
        if any(hint in text for hint in hints) and pattern.search(text):
            return service
    return None


def mask_secrets(text: str, mask: str) -> tuple[str, int]:
    """Replace every key and token; return the text and how many there were."""
    total = 0
    for _, hints, pattern in _SECRETS:
        if any(hint in text for hint in hints):
            text, count = pattern.subn(mask, text)
            total += count
    return text, total
