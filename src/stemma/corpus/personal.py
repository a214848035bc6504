"""Personal data: found by shape, checked where the shape has a checksum, masked or dropped.

Telephone numbers are found where they are written internationally (+ or 00) or the North American
way; a bare local number has no shape of its own. Names and addresses of streets are not looked for.
"""

import ipaddress
import re
from collections.abc import Callable

from stemma.corpus.recipe import PersonalSettings
from stemma.corpus.secrets import mask_secrets

# Every repetition is bounded, so that no text takes more than linear time.
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])",
    re.ASCII,
)
_CARD = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-])", re.ASCII)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?\w)", re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:|:)(?:[0-9a-fA-F]{0,4}:){1,7}(?:[0-9a-fA-F]{1,4})?(?![\w:])",
    re.ASCII,
)
_PHONE = re.compile(
    r"(?<![\w.+-])(?:"
    r"(?:\+|00)[1-9]\d{0,2}[ .()/-]{0,3}\d(?:[ .()/-]{0,2}\d){5,12}"
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    r")(?![\w-]|\.\d)",
    re.ASCII,
)


def treat(text: str, treatments: PersonalSettings) -> tuple[str, dict[str, int], str | None]:
    """Mask what is to be masked.

    Returns:
        The text, how often each kind was found that is not kept, and the kind that asks for the
        document to be dropped, or None.
    """
    counts: dict[str, int] = {}
    dropped_for = None
    for kind, mask in _KINDS.items():
        treatment = getattr(treatments, kind)
        if treatment == "keep":
            continue
        text, count = mask(text, f"<{kind.upper()}>")
        if count:
            counts[kind] = count
            if treatment == "drop":
                dropped_for = dropped_for or kind
    return text, counts, dropped_for


def _mask_email(text: str, mask: str) -> tuple[str, int]:
    return _EMAIL.subn(mask, text) if "@" in text else (text, 0)


def _mask_card(text: str, mask: str) -> tuple[str, int]:
    return _mask_valid(_CARD, _is_card, text, mask)


def _mask_ip(text: str, mask: str) -> tuple[str, int]:
    text, fours = _mask_valid(_IPV4, lambda _: True, text, mask)
    text, sixes = _mask_valid(_IPV6, _is_ipv6, text, mask)
    return text, fours + sixes


def _mask_phone(text: str, mask: str) -> tuple[str, int]:
    return _mask_valid(_PHONE, lambda _: True, text, mask)


def _mask_valid(
    pattern: re.Pattern[str], valid: Callable[[str], bool], text: str, mask: str
) -> tuple[str, int]:
    if not any(digit in text for digit in "0123456789"):
        return text, 0
    count = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal count
        if not valid(match[0]):
            return match[0]
        count += 1
        return mask

    return pattern.sub(replace, text), count


def _is_card(number: str) -> bool:
    # Luhn's checksum (ISO/IEC 7812-1): every second digit from the right is doubled.
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_ipv6(address: str) -> bool:
    # Two groups ("a::b", "12::30") are as often code or times as they are addresses.
    if sum(map(bool, address.split(":"))) < 3:
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


# Long and checked shapes first: what they take cannot be mistaken for a shorter one.
_KINDS: dict[str, Callable[[str, str], tuple[str, int]]] = {
    "secret": mask_secrets,
    "email": _mask_email,
    "card": _mask_card,
    "ip": _mask_ip,
    "phone": _mask_phone,
}
