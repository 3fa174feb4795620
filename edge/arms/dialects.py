r"""Dialects of G-code: what controllers say, and what they want to hear. No port, no clock.

Sources: Marlin's ``queue.cpp`` and ``MarlinCore.cpp`` (2.x), the documents "Grbl v1.1 Interface" and "Grbl v1.1
Commands", and ``uarm_protocol.c``, ``serial.c`` and ``uarm_swift.c`` of uArm's SwiftProForArduino (4.x).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sorter.edge.arms.arm import ArmState

AnswerKind = Literal[
    "ok", "refused", "alarm", "busy", "resend", "reset", "state", "modes", "report", "identity", "paused", "other"
]


@dataclass(frozen=True)
class Answer:
    """One line from a controller.

    Attributes:
        kind: ``ok``: a line was taken. ``refused``: a line was not. ``alarm``: it has stopped, or is about to.
            ``busy``: it works. ``resend``: it wants line ``number`` next. ``reset``: it has just started. ``state``:
            ``text`` is its state. ``modes``: ``number`` is the tool that the last line set. ``report``: where it is.
            ``identity``: ``text`` is its name. ``paused``: somebody pressed a button on it. ``other``: anything that
            needs no answer.
        number: Line number or ticket; -1 where there is none.
        text: What it said, or the part that matters.
    """

    kind: AnswerKind
    number: int = -1
    text: str = ""


def read_marlin(line: str) -> Answer:
    """What a line from Marlin means."""
    if match := re.match(r"ok\b(?:.*?\bN(\d+))?", line):
        return Answer("ok", int(match[1]) if match[1] else -1, line)
    if match := re.match(r"(?:Resend:|rs)\s*N?\s*(\d+)", line, re.IGNORECASE):
        return Answer("resend", int(match[1]), line)
    if match := re.search(r"\bdone (\d+)", line):
        return Answer("report", int(match[1]), line)  # also inside the complaint of a firmware without M118
    if re.search(r"last line:|checksum", line, re.IGNORECASE) and line.startswith("Error:"):
        return Answer("other", text=line)  # Resend follows, and says all that matters
    if line.startswith(("Error:", "!!")):
        return Answer("alarm", text=line.removeprefix("Error:"))
    if re.match(r"(echo:)?\s*busy:", line):
        return Answer("busy", text=line)
    if line == "start":
        return Answer("reset", text=line)
    if match := re.search(r"FIRMWARE_NAME:\s*([A-Za-z0-9._-]+)", line):
        return Answer("identity", text=match[1])
    if re.match(r"X:\s*-?[\d.]+\s+Y:", line):
        return Answer("report", text=line)
    # Marlin ignores such a line and says ok to it all the same.
    if re.match(r"echo:\s*(Unknown command|Home .*first)", line, re.IGNORECASE):
        return Answer("refused", text=line.removeprefix("echo:").strip())
    if re.match(r"//\s*action:\s*(pause|cancel)", line):
        return Answer("paused", text=line)
    return Answer("other", text=line)


_GRBL_ALARMS = {
    "1": "hard limit: something was in the way, or the arm lost its place",
    "2": "the target is out of reach",
    "3": "reset while it moved: it has lost its place",
    "6": "homing failed: reset",
    "8": "homing failed: the limit switch did not clear",
    "9": "homing failed: no limit switch found",
}


def read_grbl(line: str) -> Answer:
    """What a line from GRBL means."""
    if line == "ok":
        return Answer("ok")
    if match := re.match(r"<(\w+)", line):
        return Answer("state", text=match[1])
    if match := re.match(r"error:\s*(.*)", line):
        return Answer("refused", text=f"error {match[1]}")
    if match := re.match(r"ALARM:\s*(.*)", line):
        return Answer("alarm", text=f"alarm {match[1]}, {_GRBL_ALARMS.get(match[1], 'see the list of GRBL alarms')}")
    if match := re.match(r"[Gg]rbl\w*\s+(\S+) \[", line):
        return Answer("reset", text=match[1])
    if match := re.match(r"\[VER:([A-Za-z0-9.]+)", line):
        return Answer("identity", text=f"Grbl-{match[1][:16]}")
    if match := re.match(r"\[GC:G.* T(\d+)\b", line):
        return Answer("modes", int(match[1]), line)
    return Answer("other", text=line)


_UARM_ERRORS = {
    "20": "unknown command",
    "21": "bad parameter",
    "22": "the target is out of reach",
    "23": "too many commands",
    "24": "no power",
    "25": "the operation failed",
}


def read_uarm(line: str) -> Answer:
    """What a line from a uArm means."""
    if match := re.match(r"\$(\d+)\s+ok\s*(.*)", line):
        return Answer("ok", int(match[1]), match[2])
    if match := re.match(r"(?:\$(\d+)\s+)?E(\d+)", line):
        text = f"E{match[2]}, {_UARM_ERRORS.get(match[2], 'see the list of uArm errors')}"
        return Answer("refused", int(match[1]) if match[1] else -1, text)
    if re.match(r"@1\b", line):
        return Answer("reset", text=line)
    return Answer("other", text=line)


_GRBL_STATES: dict[str, ArmState] = {
    "Idle": "IDLE",
    "Run": "MOVING",
    "Jog": "MOVING",
    "Home": "MOVING",
    "Hold": "STOPPED",
    "Door": "STOPPED",
    "Alarm": "FAULT",
}


def grbl_state(word: str) -> ArmState:
    """An arm's state from the first word of a GRBL status report; an unknown one counts as a fault."""
    return _GRBL_STATES.get(word, "FAULT")


@dataclass(frozen=True)
class Dialect:
    r"""What a kind of controller wants to hear.

    Attributes:
        name: For people.
        read: What its lines mean.
        hello: Asks who is there; moves nothing. A line feed first ends what may be left of a broken line.
        probe: Asks an idle arm for a sign of life.
        stop: Stops the arm at once, past every queue.
        stop_silences: Whether it says nothing more after a stop until its board is reset.
        closing: Lines after a script that are not answered before the motion has ended.
    """

    name: str
    read: Callable[[str], Answer]
    hello: bytes
    probe: bytes
    stop: bytes
    stop_silences: bool
    closing: tuple[str, ...]


STOP_TICKET = 65000
"""Ticket by which a uArm's answer to the question after a stop is known."""

PROBE_TICKET = 65001
"""Ticket of a uArm's sign of life."""

DIALECTS = {
    "marlin": Dialect(
        name="Marlin",
        read=read_marlin,
        hello=b"\nM115\n",
        probe=b"M114\n",
        # Past the queue where the firmware has an EMERGENCY_PARSER; elsewhere it is seen as soon as the line is read.
        stop=b"\nM112\n",
        stop_silences=True,
        # What M118 is given to say, its own line number, is heard only once M400 has waited for the motion's end.
        # An ok, or a position, could be a late one of another line.
        closing=("M400", "M118 done"),
    ),
    "grbl": Dialect(
        name="GRBL",
        read=read_grbl,
        hello=b"\n?$I\n",
        probe=b"?",
        # Feed hold, then soft reset: both are picked out of the stream by the receive interrupt.
        stop=b"!\x18",
        stop_silences=False,
        # A dwell of no length waits until the planner has run empty.
        closing=("G4 P0",),
    ),
    "uarm": Dialect(
        name="uArm",
        read=read_uarm,
        hello=b"\n#%d P2201\n" % PROBE_TICKET,
        probe=b"#%d P2220\n" % PROBE_TICKET,
        # Soft reset, picked out of the stream; the question after it shows that it has been seen.
        stop=b"\x18\n#%d P2201\n" % STOP_TICKET,
        stop_silences=False,
        # Firmware 3 answers V1 while it moves. Firmware 4 does not know the line; its ok comes when the motion ends.
        closing=("M2200",),
    ),
}


def marlin_line(number: int, line: str) -> bytes:
    """A line with number and checksum, as Marlin wants it: the exclusive-or of all bytes before the ``*``."""
    body = f"N{number} {line}".encode("ascii")
    checksum = 0
    for byte in body:
        checksum ^= byte
    return body + b"*%d\n" % checksum
