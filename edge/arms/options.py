"""What a user can say about an arm: how patient to be, and for arms without line protocol 1, what to send."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from sorter.edge.arms.messages import read_message
from sorter.errors import ConfigError

ArmKind = Literal["line", "gcode", "template"]
DialectName = Literal["marlin", "grbl", "uarm"]

MAX_SCRIPT_LINE = 66
"""Longest line of a script in characters. GRBL 1.1 keeps 80 (``LINE_BUFFER_SIZE`` in its protocol.h) and Marlin 96
(``MAX_CMD_SIZE``), of which line number and checksum, or the ticket, need up to 14."""

MAX_BIN = 999
"""Highest number of a bin, as in docs/arm-protocol.md."""

_RESERVED = "*!?~#"
_HINT_LINES = "Write the lines as you would type them: G0 X10 Y20."


@dataclass(frozen=True)
class LineOptions:
    """How patient the host is.

    Attributes:
        handshake_timeout_s: From opening the port to the arm's answer; covers the boot loader of an Arduino.
        hello_interval_s: Between two HELLOs while none is answered.
        acknowledge_timeout_s: From a command to its acknowledgement, before it is sent again.
        attempts: How often a line is sent, at most, without any answer.
        repeat_interval_s: How long the arm may be silent while it moves before the command is sent again, which moves
            nothing but asks for its outcome.
        motion_timeout_s: Longest time that a motion may take.
    """

    handshake_timeout_s: float = 3.0
    hello_interval_s: float = 0.4
    acknowledge_timeout_s: float = 0.25
    attempts: int = 8
    repeat_interval_s: float = 0.5
    motion_timeout_s: float = 20.0


@dataclass(frozen=True)
class ArmOptions(LineOptions):
    r"""Everything that a user can say about an arm.

    Where several lines stand in one text, they are separated by line feeds or ``|``.

    Attributes:
        kind: ``line`` speaks line protocol 1, ``gcode`` a dialect of G-code, ``template`` texts or bytes of its own.
        baud: Bits per second of a serial port.
        dialect: gcode: which firmware answers: ``marlin``, ``grbl`` or ``uarm``.
        scripts: gcode: the lines that sort into each bin.
        start: gcode: lines sent once before the first motion, after opening the port and after a reset.
        park: gcode: lines that move to the rest position.
        stop_script: gcode: lines that stop the arm at once, in place of the dialect's own emergency stop.
        silence_timeout_s: gcode: how long a working arm may say nothing, keep-alives included. Marlin's are 2 s apart
            (``DEFAULT_KEEPALIVE_INTERVAL``).
        poll_s: gcode: how often an arm that can answer while it moves is asked.
        messages: template: what to send for each bin: text with ``\n``, ``\r``, ``\t``, ``\\`` and ``\x1B``, or bytes
            as ``hex:A0 01 01 A2``.
        reply: template: regular expression that the device's answer to a message holds when it is done; empty for a
            device that answers nothing.
        refusal: template: regular expression that tells that the device could not do it.
        move_s: template: seconds that a motion takes, waited for where no ``reply`` tells its end.
        home_message: template: moves to the rest position.
        stop_message: template: stops the device at once.
        hello_message: template: asks who is there; must move nothing.
        hello_reply: template: regular expression that the answer to it holds; its first group is the arm's name.
    """

    kind: ArmKind = "line"
    baud: int = 115200
    dialect: DialectName = "marlin"
    scripts: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    start: str = ""
    park: str = ""
    stop_script: str = ""
    silence_timeout_s: float = 3.0
    poll_s: float = 0.25
    messages: Mapping[int, str] = field(default_factory=dict)
    reply: str = ""
    refusal: str = ""
    move_s: float = 1.0
    home_message: str = ""
    stop_message: str = ""
    hello_message: str = ""
    hello_reply: str = ""

    def __post_init__(self) -> None:
        """Checks every field.

        Raises:
            ConfigError: One of them is impossible.
        """
        _check_choice("kind of arm", self.kind, get_args(ArmKind))
        _check_choice("G-code dialect", self.dialect, get_args(DialectName))
        _check_numbers(self)
        _check_bins("script", self.scripts)
        _check_bins("message", self.messages)
        for bin_number, lines in self.scripts.items():
            _check_script(f"The script of bin {bin_number}", lines, _RESERVED)
        for name, reserved in (("start", _RESERVED), ("park", _RESERVED), ("stop_script", "*")):
            if getattr(self, name):
                _check_script(f"Option {name}", split_lines(getattr(self, name)), reserved)
        for bin_number, text in self.messages.items():
            if not read_message(text, f"The message of bin {bin_number}"):
                raise ConfigError(f"The message of bin {bin_number} is empty.", "Say what the device is to be sent.")
        for name in ("home_message", "stop_message", "hello_message"):
            read_message(getattr(self, name), f"Option {name}")
        for name in ("reply", "refusal", "hello_reply"):
            _check_pattern(name, getattr(self, name))
        if bool(self.hello_message) != bool(self.hello_reply):
            raise ConfigError(
                "Options hello_message and hello_reply belong together, but only one is given.",
                "Give the question and the regular expression of its answer, or neither.",
            )


def require_bins(options: ArmOptions) -> None:
    """Checks that an arm of this kind is told what to send.

    Raises:
        ConfigError: It has no script or no message for any bin.
    """
    if options.kind == "gcode" and not options.scripts:
        raise ConfigError(
            "A G-code arm needs a script for each bin, and none is given.", "For example: scripts.1 = ['G0 X100 Y50']."
        )
    if options.kind == "template" and not options.messages:
        raise ConfigError(
            "A template arm needs a message for each bin, and none is given.",
            "For example: messages.1 = 'hex:A0 01 01 A2'.",
        )


def split_lines(text: str) -> tuple[str, ...]:
    """The lines of a text in which they are separated by line feeds or ``|``; empty ones are left out."""
    return tuple(line for part in re.split(r"[\r\n|]", text) if (line := part.strip()))


def _check_choice(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"There is no {what} {value!r}.", f"There are: {', '.join(choices)}.")


def _check_numbers(options: ArmOptions) -> None:
    times = ("handshake_timeout_s", "hello_interval_s", "acknowledge_timeout_s", "repeat_interval_s")
    for name in (*times, "motion_timeout_s", "silence_timeout_s", "poll_s"):
        if not 0 < getattr(options, name) <= 3600:
            raise ConfigError(f"Option {name} of the arm is {getattr(options, name)}.", "It is above 0, up to 3600 s.")
    if not 0 <= options.move_s <= 3600:
        raise ConfigError(f"Option move_s of the arm is {options.move_s}.", "It is 0 to 3600 s.")
    if options.attempts < 1:
        raise ConfigError(f"Option attempts of the arm is {options.attempts}.", "It is at least 1.")
    if options.baud < 50:
        raise ConfigError(f"A serial port cannot have {options.baud} baud.", "Usual are 115200, 250000 and 9600.")


def _check_bins(what: str, given: Mapping[int, object]) -> None:
    for number in given:
        if not isinstance(number, int) or not 0 <= number <= MAX_BIN:
            raise ConfigError(f"There is a {what} for bin {number!r}.", f"Bins are numbers from 0 to {MAX_BIN}.")


def _check_script(owner: str, lines: Iterable[str], reserved: str) -> None:
    if isinstance(lines, str):
        raise ConfigError(f"{owner} is one text, not a list of lines.", "Write ['G0 X10', 'G0 X20'].")
    lines = tuple(lines)
    if not lines:
        raise ConfigError(f"{owner} is empty.", "Without a line the arm would not move at all.")
    for line in lines:
        _check_line(owner, line, reserved)


def _check_line(owner: str, line: str, reserved: str) -> None:
    if not isinstance(line, str) or not line.strip():
        raise ConfigError(f"{owner} has an empty line.", _HINT_LINES)
    if "\n" in line or "\r" in line:
        raise ConfigError(f"{owner} has a line break inside a line: {line!r}.", "Make it two lines of the list.")
    if not line.isascii() or not line.isprintable():
        raise ConfigError(f"{owner} has a line that is not plain ASCII: {line!r}.", _HINT_LINES)
    if len(line) > MAX_SCRIPT_LINE:
        raise ConfigError(
            f"{owner} has a line of {len(line)} characters: {line[:20]!r}...",
            f"Controllers take {MAX_SCRIPT_LINE}; leave out comments or split it.",
        )
    if set(line) & set(reserved):
        raise ConfigError(
            f"{owner} has a character that the firmware takes for itself: {line!r}.",
            f"Leave out {' '.join(reserved)}; line numbers, checksums and tickets are added by the program.",
        )


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"Option {name} is not a regular expression: {error.msg}.", f"Mend {pattern!r}, or leave it empty."
        ) from error
