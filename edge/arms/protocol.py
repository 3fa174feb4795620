"""Line protocol 1: its lines as bytes and back. The specification is docs/arm-protocol.md."""

import binascii
import re
from dataclasses import dataclass
from typing import Final

VERSION: Final = 1
MAX_LINE_CHARACTERS: Final = 80
"""Longest line, without its line feed."""

MAX_SEQUENCE: Final = 65535
TYPED_CHECKSUM: Final = "????"
"""What a person may write in place of a checksum."""

UNCHECKED_VERBS: Final = frozenset({"HELLO", "PING", "STATUS", "STOP"})
"""Verbs that a person may send with no checksum at all, since none of them can set the arm in motion."""

ERR_CHECKSUM: Final = 1
ERR_UNKNOWN_VERB: Final = 2
ERR_ARGUMENT: Final = 3
ERR_NO_SUCH_BIN: Final = 4
ERR_STOPPED: Final = 5
ERR_SEQUENCE_REUSED: Final = 6
ERR_SEQUENCE_OLD: Final = 7
ERR_HELLO_FIRST: Final = 8
ERR_LINE_TOO_LONG: Final = 9
ERR_FAULT: Final = 10
ERR_JAMMED: Final = 20
ERR_INTERRUPTED: Final = 21
FIRST_FAILURE: Final = 20
"""Errors below this number: the command was refused and nothing moved. From it on: it had started."""

ERROR_TEXTS: Final = {
    ERR_CHECKSUM: "bad checksum",
    ERR_UNKNOWN_VERB: "unknown verb",
    ERR_ARGUMENT: "bad argument",
    ERR_NO_SUCH_BIN: "no such bin",
    ERR_STOPPED: "stopped",
    ERR_SEQUENCE_REUSED: "sequence number used before",
    ERR_SEQUENCE_OLD: "sequence number too old",
    ERR_HELLO_FIRST: "say HELLO first",
    ERR_LINE_TOO_LONG: "line too long",
    ERR_FAULT: "fault not cleared",
    ERR_JAMMED: "jammed",
    ERR_INTERRUPTED: "interrupted by STOP",
}

_WORD = re.compile(r"[!-)+-~]+")  # Printable, no space, no asterisk.
_NUMBER = re.compile(r"[0-9]{1,5}")
_STOP_WORD = re.compile(rb"(?<![!-)+-~])STOP(?![!-)+-~])", re.IGNORECASE)
_STOP_WORD_ENDED = re.compile(rb"(?<![!-)+-~])STOP[^!-)+-~]", re.IGNORECASE)


class DamagedLineError(ValueError):
    """A line that cannot be trusted: wrong checksum, wrong form, too long.

    Attributes:
        number: The protocol's error number for it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(ERROR_TEXTS[number])
        self.number = number


@dataclass(frozen=True)
class Message:
    """One line, in either direction.

    Attributes:
        sequence: 0 to 65535; 0 belongs to no command.
        word: The verb (host to arm) or the kind of reply (arm to host), in capitals.
        arguments: What follows it, printable words without ``*``.
    """

    sequence: int
    word: str
    arguments: tuple[str, ...] = ()

    @property
    def tells_of_reset(self) -> bool:
        """Whether an arm says by this that it was reset since it was last greeted."""
        return self.word == "READY" or (self.word == "ERR" and self.arguments[:1] == (str(ERR_HELLO_FIRST),))

    def encode(self) -> bytes:
        """The line with checksum and line feed.

        Raises:
            ValueError: A word has letters that the protocol does not carry, or the line gets too long.
        """
        words = (self.word, *self.arguments)
        if not 0 <= self.sequence <= MAX_SEQUENCE or not all(_WORD.fullmatch(word) for word in words):
            raise ValueError(f"not a line of the protocol: {self}")
        body = " ".join((str(self.sequence), *words))
        line = f"{body}*{checksum(body.encode('ascii'))}"
        if len(line) > MAX_LINE_CHARACTERS:
            raise ValueError(f"line of {len(line)} characters")
        return line.encode("ascii") + b"\n"


def checksum(body: bytes) -> str:
    """CRC-16/XMODEM (polynomial 0x1021, start value 0) as four capital hexadecimal digits."""
    return f"{binascii.crc_hqx(body, 0):04X}"


def next_sequence(sequence: int) -> int:
    """The number after ``sequence``: 65535 is followed by 1, since 0 belongs to no command."""
    return sequence % MAX_SEQUENCE + 1


def is_newer(sequence: int, last: int) -> bool:
    """Whether a number lies ahead of the last one accepted: less than half of the circle (RFC 1982)."""
    return last == 0 or 0 < (sequence - last) % (MAX_SEQUENCE + 1) <= MAX_SEQUENCE // 2


def decode_command(line: bytes) -> Message:
    """Reads a line from the host as an arm does.

    Args:
        line: Without the line feed; carriage returns are ignored.

    Raises:
        DamagedLineError: It must not be obeyed.
    """
    body, checked = _checked_body(line, typed_allowed=True)
    words = _words(body)
    if not checked and words and not words[0].isdecimal():
        words.insert(0, "0")
    message = _message(words)
    if not checked and message.word not in UNCHECKED_VERBS:
        raise DamagedLineError(ERR_CHECKSUM)
    return message


def decode_reply(line: bytes) -> Message:
    """Reads a line from the arm as the host does; every one must carry its checksum.

    Raises:
        DamagedLineError: It must be ignored.
    """
    body, checked = _checked_body(line, typed_allowed=False)
    if not checked:
        raise DamagedLineError(ERR_CHECKSUM)
    return _message(_words(body))


def asks_to_stop(line: bytes) -> bool:
    """Whether a line means STOP, however damaged the rest of it: stopping for nothing harms nobody."""
    return _STOP_WORD.search(line.replace(b"\r", b"")) is not None


def _checked_body(line: bytes, typed_allowed: bool) -> tuple[str, bool]:
    """The part before the checksum, and whether there was one."""
    line = line.replace(b"\r", b"")
    if len(line) > MAX_LINE_CHARACTERS:
        raise DamagedLineError(ERR_LINE_TOO_LONG)
    if not line.isascii():
        raise DamagedLineError(ERR_CHECKSUM)
    body, star, digits = line.decode("ascii").rpartition("*")
    if not star:
        return digits, False
    if digits != checksum(body.encode("ascii")) and not (typed_allowed and digits == TYPED_CHECKSUM):
        raise DamagedLineError(ERR_CHECKSUM)
    return body, True


def _words(body: str) -> list[str]:
    # Not body.split(), which would take a tab or another control character for a space.
    return [word for word in body.split(" ") if word]


def _message(words: list[str]) -> Message:
    if len(words) < 2 or not _NUMBER.fullmatch(words[0]) or int(words[0]) > MAX_SEQUENCE:
        raise DamagedLineError(ERR_CHECKSUM)
    if not all(_WORD.fullmatch(word) for word in words):
        raise DamagedLineError(ERR_CHECKSUM)
    return Message(int(words[0]), words[1].upper(), tuple(words[2:]))


class LineSplitter:
    """Cuts a stream of bytes into lines; memory stays bounded whatever arrives."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Takes the next bytes and gives the lines that are now complete, without line feeds; empty ones left out.

        A line that is too long is given cut off, but still too long to be decoded, and still asks to stop if it did.
        """
        *complete, rest = (self._pending + data).replace(b"\r", b"").split(b"\n")
        self._pending = _shortened(rest)
        return [_shortened(line) for line in complete if line]

    def clear(self) -> None:
        """Forgets an unfinished line."""
        self._pending = b""


def _shortened(line: bytes) -> bytes:
    """A line that is too long, reduced to what matters of it: that it is too long, and whether it holds STOP.

    The last five characters stay as they are, since they may be the beginning of STOP and what stands before it.
    """
    if len(line) <= MAX_LINE_CHARACTERS + 6:
        return line
    middle = b" STOP " if _STOP_WORD_ENDED.search(line) else b"~"
    return line[:MAX_LINE_CHARACTERS] + middle + line[-5:]
