"""Telephone numbers, told apart from dates, decimals, amounts and columns of numbers."""

import re

from stemma.corpus.cleaning.surroundings import around, replace

_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"(?P<international>(?:\+|00)[1-9]\d{0,2}[ .()/-]{0,3}\d(?:[ .()/-]{0,2}\d){5,12})"
    r"|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}"
    r")(?![\w-]|\.\d)",
    re.ASCII,
)
_LOCAL = re.compile(r"(?<![\w.+-])\(?\d(?:[ .()/-]{0,2}\d){6,12}(?![\w-]|\.\d)", re.ASCII)
# Country codes as ITU-T E.164 assigns them.
_COUNTRY = re.compile(
    r"1|7|2(?:0|7|[1-6]\d|9[0-9])|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)"
    r"|6(?:[0-6]|[7-9]\d)|8(?:[1246]|[058]\d)|9(?:[0-58]|[679]\d)"
)
_DATE = re.compile(r"^\+?(?:19|20)\d\d([-/.])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])\b")
_WORDS = (
    r"(?:tele?phones?|phones?|telefono|tel[eé]fono|telefone?|t[eé]l[eé]phone|tele?|t[eé]l|tlf|ph"
    r"|mob(?:ile|il)?|m[oó]vil|cell(?:ulare?|phone)?|celular|fax|call(?:ed|ing)?|dial|ring|sms"
    r"|text me at|whats ?app|signal|hotline|helpline|reach(?:ed)?|contact|handy|rufnummer|portable"
    r"|тел(?:ефон)?)"
)
_NEAR = re.compile(rf"\b{_WORDS}\b|电话|手机|電話|携帯|전화", re.IGNORECASE)
_DIRECTLY = re.compile(
    rf"(?:\b{_WORDS}\b|电话|手机|電話|携帯|전화)"
    r"(?: (?:no|nr|number|is|at|us at|me at|on|me on|us on))?[.:：\s]{0,3}$",  # noqa: RUF001
    re.IGNORECASE,
)
# What stands directly before numbers of other kinds.
_NOT = re.compile(
    r"\b(?:isbn|issn|ean|upc|gtin|asin|doi|pmid|serial|part|model|order|invoice|item|sku|ticket"
    r"|case|ref|reference|article|account|acct|iban|id|ids|page|pages|pp|table|row|section|version"
    r"|lot|batch|tracking|patent|box|room|record|entry|seed|code|zip|postcode)"
    r"(?: (?:no|nr|number))?[.:#\s]{0,3}$",
    re.IGNORECASE,
)


def mask_telephones(text: str, mask: str) -> tuple[str, int]:
    """Mask telephone numbers; return the text and how many there were.

    Numbers written internationally or in the North American way are recognised by their shape,
    local numbers by the word before them.
    """
    text, shaped = replace(_PHONE, _is_phone, text, mask)
    text, local = replace(_LOCAL, _is_local, text, mask)
    return text, shaped + local


def _is_local(match: re.Match[str]) -> bool:
    return _DATE.match(match[0]) is None and _DIRECTLY.search(around(match)[0]) is not None


def _is_phone(match: re.Match[str]) -> bool:
    before, _ = around(match)
    named = _NEAR.search(before) is not None
    if _DATE.match(match[0]) or (_NOT.search(before) and not named):
        return False
    if match["international"]:
        return _is_international(match[0], named, before)
    # Three numbers in a row are just as often a table; a bracket, a point or a hyphen tells.
    return named or "(" in match[0] or " " not in match[0]


def _is_international(number: str, named: bool, before: str) -> bool:
    body = number.removeprefix("+") if number[0] == "+" else number[2:]
    digits = re.sub(r"\D", "", body.replace("(0)", ""))
    code = _COUNTRY.match(digits)
    if code is None:
        return False
    national = digits[code.end() :]
    if code[0] in ("1", "7"):
        possible = len(national) == 10 and national[0] not in "01"
    else:
        possible = 7 <= len(national) <= 12 and not re.search(r"(\d)\1{5}", national)
    marks = re.sub(r"\d", "", body)
    # A single point makes it a decimal, and digits after two zeros are padded.
    if marks == "." or re.match(r"\d+\.\d{4,} ", body) or not possible:
        return False
    if number[0] == "+":
        return named or not re.search(r"[\d)]\s*$", before)
    return named or (bool(marks) and (national[0] != "0" or code[0] == "39"))
