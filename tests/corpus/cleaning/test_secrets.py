import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemma.corpus.cleaning.secrets import find_secret, mask_secrets

# Put together here, so that no scanner takes this file for a leak.
LETTERS = string.ascii_letters + string.digits
PEM = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEow+/=\nabc\n-----END RSA PRIVATE " + "KEY-----"
KEYS = [
    ("AWS", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("AWS", "aws_secret_access_key = " + (LETTERS[:38] + "+/")),
    ("GitHub", "ghp_" + LETTERS[:36]),
    ("GitHub", "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59]),
    ("GitLab", "glpat-" + LETTERS[:20]),
    ("Slack", "xoxb-" + "123456789012-" + LETTERS[:24]),
    ("Slack", "https://hooks.slack.com/services/" + "T00000000/B00000000/" + LETTERS[:24]),
    ("Stripe", "sk_live_" + LETTERS[:24]),
    ("OpenAI", "sk-proj-" + LETTERS[:48]),
    ("OpenAI", "sk-" + LETTERS[:48]),
    ("Anthropic", "sk-ant-" + "api03-" + LETTERS[:60]),
    ("Google", "AIza" + LETTERS[:35]),
    ("Hugging Face", "hf_" + string.ascii_letters[:34]),
    ("JSON Web Token", "eyJ" + LETTERS[:20] + ".eyJ" + LETTERS[:30] + "." + LETTERS[:43]),
    ("private key", PEM),
]


@pytest.mark.parametrize(("service", "key"), KEYS)
def test_finds_and_masks_whole_keys(service, key):
    assert find_secret(f"token: {key}\n") == service
    assert find_secret(key) == service
    assert mask_secrets(f'a="{key}", b="{key}"', "<SECRET>") == ('a="<SECRET>", b="<SECRET>"', 2)


@pytest.mark.parametrize(
    "text",
    [
        "the ask-and-answer game of a risk-averse AIzawa",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ghp_short sk-1 hf_model AKIA eyJust a word",
        "models/hf_internal_testing/tiny-random-gpt2",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_leaves_ordinary_text_alone(text):
    assert find_secret(text) is None
    assert mask_secrets(text, "x") == (text, 0)


@given(st.sampled_from(KEYS), st.text(string.printable), st.text(string.whitespace, min_size=1))
def test_a_masked_text_holds_no_secret(entry, text, space):
    masked, _ = mask_secrets(text + space + entry[1] + space + text, "<SECRET>")
    assert find_secret(masked) is None
