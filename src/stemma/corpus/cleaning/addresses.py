"""IP addresses, told apart from version numbers, section numbers and ratios."""

import ipaddress
import re

from stemma.corpus.cleaning.surroundings import around, replace

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\w.])(?:{_OCTET}\.){{3}}{_OCTET}(?!\.?\w|-[A-Za-z])", re.ASCII)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:|:)(?:[0-9a-fA-F]{0,4}:){1,7}(?:[0-9a-fA-F]{1,4})?(?![\w:])",
    re.ASCII,
)
_WORDS = re.compile(
    r"\b(?:ipv?[46]?s?|ip[ -]?addr\w*|addr(?:ess(?:es)?)?|hosts?|hostname|servers?|ping(?:ed)?|ssh"
    r"|s?ftp|telnet|dns|nameserver|gateway|router|subnet|proxy|network|clients?|peers?|connect\w*"
    r"|log(?:ged)? ?in|login|visitors?|requests?|firewall|listen\w*|remote|banned|blocked|whois"
    r"|traceroute|nmap|curl|wget|adresse|direcci[oó]n|indirizzo)\b|\w://$|地址",
    re.IGNORECASE,
)
_PORT = re.compile(r"^(?::\d{2,5}\b|/\d{1,2}\b)")
# What stands directly before a number of this shape that is no address.
_NOT = re.compile(
    r"(?:\b(?:sections?|sec|clauses?|chapters?|ch|articles?|art|paragraphs?|para|rules?|annex"
    r"|appendix|tables?|figures?|fig|items?|steps?|parts?|no|nr|requirement|exercise|theorem"
    r"|versions?|ver|v|releases?|rel|rev(?:ision)?|builds?|updates?|upgrades?|firmware|drivers?"
    r"|browsers?|kernel|chrome|chromium|firefox|edge|safari|opera|flash|java|sdk|api|library"
    r"|package|plugin|patch|oid)\b\.?|§+|[A-Za-z]/|[=<>~^]=?)\s*$",
    re.IGNORECASE,
)
_HOSTS = tuple(map(ipaddress.IPv6Network, ("2000::/3", "fc00::/7", "fe80::/10")))


def mask_addresses(text: str, mask: str) -> tuple[str, int]:
    """Mask IPv4 and IPv6 addresses; return the text and how many there were."""
    text, fours = replace(_IPV4, _is_ipv4, text, mask)
    text, sixes = replace(_IPV6, _is_ipv6, text, mask)
    return text, fours + sixes


def _is_ipv4(match: re.Match[str]) -> bool:
    octets = [int(octet) for octet in match[0].split(".")]
    # No host begins with 0, or with 224 or more: those are networks, masks and groups (IANA).
    if not 0 < octets[0] < 224 or any(re.match(r"0\d", part) for part in match[0].split(".")):
        return False
    before, after = around(match)
    if _WORDS.search(before) or _PORT.search(after):
        return True
    if _NOT.search(before):
        return False
    # Without such a word, only by numbers that no version and no section reaches.
    return sum(octet >= 100 for octet in octets) >= 2 or (
        octets[0] in (10, 172) and max(octets[1:]) >= 100
    )


def _is_ipv6(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv6Address(match[0])
    except ValueError:
        return False
    groups = [group for group in match[0].split(":") if group]
    if not any(address in network for network in _HOSTS):
        return False
    before, _ = around(match)
    # Two groups ("a::b", "12::30") are code or times as often as addresses.
    return len(groups) >= (2 if _WORDS.search(before) else 3)
