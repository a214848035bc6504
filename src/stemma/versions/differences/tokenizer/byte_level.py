"""Byte-level vocabularies, as of GPT-2: each character of an entry stands for one byte."""


def _bytes_of_characters() -> dict[str, int]:
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    # Bytes without a visible character are written as the characters from U+0100 on, in order.
    return {chr(byte): byte for byte in shown} | {
        chr(256 + index): byte for index, byte in enumerate(hidden)
    }


_BYTES = _bytes_of_characters()
_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}


def bytes_of(entry: str) -> bytes | None:
    """Return the bytes of an entry; None if one of its characters stands for no byte."""
    if any(character not in _BYTES for character in entry):
        return None
    return bytes(_BYTES[character] for character in entry)


def shown(entry: str) -> str:
    """Return an entry as text, with its white space made visible."""
    raw = bytes_of(entry)
    if raw is None:
        return entry
    text = raw.decode(errors="backslashreplace")
    return "".join(_VISIBLE.get(character, character) for character in text)
