import re
import time
from collections import Counter
from pathlib import Path

import pytest

from stemma.config import build
from stemma.corpus.cleaning.personal import treat
from stemma.corpus.settings import PersonalSettings

KINDS = ("email", "phone", "ip", "card", "secret")


def settings(**changes):
    return build(PersonalSettings, dict.fromkeys(KINDS, "mask") | changes, "test")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "jane.doe+news@mail.example.co.uk"),
        ("phone", "+44 20 7946 0958"),
        ("phone", "0049-30-1234567"),
        ("phone", "(555) 123-4567"),
        ("phone", "555-123-4567"),
        ("ip", "192.168.10.254"),
        ("ip", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"),
        ("ip", "fe80::1ff:fe23:4567:890a"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
        ("secret", "AKIA" + "IOSFODNN7EXAMPLE"),
    ],
)
def test_masks_counts_and_drops(kind, text):
    around = f"Write to {text}, or ({text})."
    mask = f"<{kind.upper()}>"
    assert treat(around, settings()) == (f"Write to {mask}, or ({mask}).", {kind: 2}, None)
    assert treat(around, settings(**{kind: "drop"}))[1:] == ({kind: 2}, kind)
    keep_all = settings(**dict.fromkeys(KINDS, "keep"))
    assert treat(around, keep_all) == (around, {}, None)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 fails the checksum",
        "on 2024-01-31 at 12:30:45, pages 100-200, 1,234,567 copies for $12.50",
        "version 1.2.3, section 10.300.1.1, std::vector<int>, a::b, 3.14159265358979",
        "me @ home, @handle, a@b, foo@bar",
        "ISBN 978-0-306-40615-7 and 1234567890",
    ],
)
def test_leaves_ordinary_numbers_alone(text):
    assert treat(text, settings()) == (text, {}, None)


def listed():
    """Yield the labels and texts of the list."""
    path = Path(__file__).with_name("personal.txt")
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def measured():
    """Return how many were found rightly, found, and to be found, and what went wrong."""
    right = found = wanted = 0
    wrong = []
    for kind, text in listed():
        expected = re.sub("«[^»]*»", f"<{kind.upper()}>", text)
        masked, counts, _ = treat(re.sub("[«»]", "", text), settings())
        hit = masked == expected
        wanted += kind != "none"
        found += sum(counts.values())
        right += hit and kind != "none"
        wrong += [] if hit else [(text, masked)]
    return right, found, wanted, wrong


def test_precision_and_recall_on_the_list_of_both_kinds():
    kinds = Counter(kind for kind, _ in listed())
    assert kinds["none"] >= 70 and all(
        kinds[kind] >= 3 for kind in ("phone", "ip", "card", "email")
    )
    right, found, wanted, wrong = measured()
    assert right / found >= 0.95, wrong
    assert right / wanted >= 0.95, wrong


def test_a_card_is_not_taken_for_a_telephone():
    assert treat("5555 5555 5555 4444", settings())[1] == {"card": 1}


@pytest.mark.parametrize(
    "unit", ["a", "1", "1 ", ":", "a@", "a.", "1.", "+1", "eyJ", "-----BEGIN "]
)
def test_hostile_texts_take_linear_time(unit):
    text = "@" + unit * (400_000 // len(unit)) + " 1"
    start = time.process_time()
    treat(text, settings())
    assert time.process_time() - start < 5, "quadratic time would take minutes"


if __name__ == "__main__":  # python tests/corpus/cleaning/test_personal.py
    right, found, wanted, _ = measured()
    print(f"precision {right / found:.3f} ({right} of {found})")
    print(f"recall {right / wanted:.3f} ({right} of {wanted})")
