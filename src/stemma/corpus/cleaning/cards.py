"""Payment card numbers, found by issuer, length, grouping and checksum."""

import re

from stemma.corpus.cleaning.surroundings import around, replace

_CARD = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-])(?!\.\d)", re.ASCII)
# Issuers (ISO/IEC 7812) and the lengths of their numbers. A tenth of all numbers passes the
# checksum: the first are taken for cards without more, the others if a word says so.
_KNOWN = re.compile(r"4\d{15}|5[1-5]\d{14}|3[47]\d{13}|6(?:011|5\d\d|4[4-9]\d)\d{12}")
_SELDOM = re.compile(
    r"4(?:\d{12}|\d{18})|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|220[0-4]\d{12,15}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:50|5[6-8]|6\d)\d{10,17}"
)
_GROUPS = ({4}, {4, 3}, {4, 6, 5}, {4, 6})  # sizes of the groups, if there are any
_WORDS = re.compile(
    r"\b(?:cards?|visa|master ?card|amex|american express|discover|diners|jcb|maestro|unionpay|mir"
    r"|credit|debit|cc|pan|karte|kreditkarte|carte|tarjeta|carta|cart[aã]o|карт[аы])\b|卡",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d{8,}[ ,;]*$"), re.compile(r"^[ ,;]*\d{8,}")


def mask_cards(text: str, mask: str) -> tuple[str, int]:
    """Mask the numbers of cards; return the text and how many there were."""
    return replace(_CARD, _is_card, text, mask)


def _is_card(match: re.Match[str]) -> bool:
    number = re.sub(r"[ -]", "", match[0])
    groups = re.split(r"[ -]", match[0])
    if len(groups) > 1 and (
        {len(group) for group in groups} not in _GROUPS or {" ", "-"} <= set(match[0])
    ):
        return False
    if len(set(number)) == 1 or not _checks(number):
        return False
    before, after = around(match)
    if _WORDS.search(before) or _WORDS.search(after):
        return bool(_KNOWN.fullmatch(number) or _SELDOM.fullmatch(number))
    # Digits among digits are a table, or the digits of pi.
    crowded = _NUMBER[0].search(before) or _NUMBER[1].search(after)
    return not crowded and bool(_KNOWN.fullmatch(number))


def _checks(number: str) -> bool:
    # Luhn's checksum (ISO/IEC 7812-1): every second digit from the right is doubled.
    digits = [int(digit) for digit in number]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
