"""Keys and tokens of well-known services, recognised by the shapes that the services document.

Shared with the composer of settings, which refuses to write a secret into a committed file;
therefore standard library only.
"""

import re

# A service; literals, one of which every key of it contains (a cheap test); shapes of its keys.
_SHAPES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("AWS", ("AKIA", "ASIA"), (r"(?:AKIA|ASIA)[A-Z2-7]{16}",)),
    (
        "AWS",
        ("aws_secret", "AWS_SECRET"),
        (r"(?i:aws_secret_access_key)[\"'\s:=]{1,6}[A-Za-z0-9/+]{40}",),
    ),
    (
        "GitHub",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        (r"gh[pousr]_[A-Za-z0-9]{36,255}", r"github_pat_\w{50,255}"),
    ),
    ("GitLab", ("glpat-",), (r"glpat-[\w-]{20,64}",)),
    (
        "Slack",
        ("xox", "xapp-", "hooks.slack"),
        (
            r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",
            r"xapp-\d-[A-Za-z0-9-]{20,250}",
            r"https://hooks\.slack\.com/services/[\w/]{20,100}",
        ),
    ),
    (
        "Stripe",
        ("k_live_", "k_test_", "whsec_"),
        (r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,250}", r"whsec_[A-Za-z0-9+/=]{32,100}"),
    ),
    ("Anthropic", ("sk-ant-",), (r"sk-ant-[\w-]{20,250}",)),
    (
        "OpenAI",
        ("sk-",),
        (r"sk-(?:proj-|svcacct-|admin-)[\w-]{20,250}", r"sk-[A-Za-z0-9]{32,64}"),
    ),
    (
        "Google",
        ("AIza", "GOCSPX-", "ya29."),
        (r"AIza[\w-]{35}", r"GOCSPX-[\w-]{28}", r"ya29\.[\w-]{30,500}"),
    ),
    ("Hugging Face", ("hf_",), (r"hf_[A-Za-z]{30,40}",)),
    ("JSON Web Token", ("eyJ",), (r"eyJ[\w-]{10,4000}\.eyJ[\w-]{10,8000}\.[\w-]{10,2000}",)),
    (
        "private key",
        ("PRIVATE KEY",),
        (
            r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[\s\S]{0,20000}?-----END (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
        ),
    ),
)
_SECRETS = [
    (service, hints, re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(shapes)})(?![A-Za-z0-9])", re.A))
    for service, hints, shapes in _SHAPES
]


def find_secret(text: str) -> str | None:
    """Return the service whose key or token is in the text, or None."""
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
