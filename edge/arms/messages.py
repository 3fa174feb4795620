r"""Texts of a template arm as bytes: ``GATE 3\r\n`` or ``hex:A0 01 01 A2``."""

import re

from sorter.errors import ConfigError

_HEX = "hex:"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.?)", re.DOTALL)


def read_message(text: str, owner: str) -> bytes:
    r"""The bytes that a text stands for.

    Args:
        text: Plain text with the escapes ``\n``, ``\r``, ``\t``, ``\0``, ``\\`` and ``\x1B``, or ``hex:`` and pairs of
            hexadecimal digits.
        owner: Whose text it is, as the beginning of a sentence.

    Raises:
        ConfigError: The text stands for no bytes.
    """
    if text.startswith(_HEX):
        try:
            return bytes.fromhex(text[len(_HEX) :])
        except ValueError:
            raise ConfigError(
                f"{owner} is not hexadecimal: {text!r}.", "Write pairs of digits, for example hex:A0 01 01 A2."
            ) from None
    if not text.isascii():
        raise ConfigError(f"{owner} is not plain ASCII: {text!r}.", "Write other bytes as \\xNN.")

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 3:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise ConfigError(
                f"{owner} has an escape that does not exist: {match[0]!r}.",
                "There are \\n, \\r, \\t, \\0, \\xNN, and \\\\ for a backslash.",
            )
        return _ESCAPES[code]

    return _ESCAPE.sub(replace, text).encode("latin-1")
