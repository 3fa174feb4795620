"""A simulated Marlin: line numbers, checksums, a queue, keep-alives, and an emergency stop that only a reset ends."""

import re
from collections import deque

from sorter.edge.simulation.controller import Controller, moves

_KNOWN = re.compile(r"[GM]\d+\b")


class MarlinController(Controller):
    """Behaves as ``queue.cpp`` of Marlin 2 does, with EMERGENCY_PARSER and HOST_KEEPALIVE_FEATURE."""

    title = "Marlin"
    is_motion = staticmethod(moves)

    def boot(self) -> None:
        """Forgets the line numbers."""
        self._last_number = 0
        self._queue: deque[str] = deque()
        self._killed = False
        self._busy_at_s: float | None = None

    def banner(self) -> tuple[str, ...]:
        """As after power-on."""
        return ("start", "echo:Marlin 2.1.2.5", "echo: Last Updated: 2024-01-01")

    def obey(self, line: str, now_s: float) -> None:
        """Checks number and checksum, then queues."""
        line = line.partition(";")[0].strip()
        if self._killed or not line:
            return
        if line.startswith("N"):
            accepted = self._check(line, now_s)
            if accepted is None:
                return
            line = accepted
        line = line.partition("*")[0].strip()
        if line == "M112":
            self._kill(now_s)
            return
        if line == "M410":
            self.halt()  # seen as soon as it is read, as M112 is
        self._queue.append(line)

    def _check(self, line: str, now_s: float) -> str | None:
        """The command of a numbered line; None when it is thrown away."""
        match = re.match(r"N(\d+)\s*(.*?)\s*(?:\*(\d*).*)?$", line)
        body, star, checksum = line.rpartition("*")
        number = int(match[1]) if match else -1
        if match and (renumber := re.search(r"M110\s*N(\d+)", match[2])):
            number = int(renumber[1])
        elif number != self._last_number + 1:
            self._ask_again("Line Number is not Last Line Number+1", now_s)
            return None
        if not star:
            self._ask_again("No Checksum with line number", now_s)
            return None
        expected = 0
        for character in body.encode("latin-1", "replace"):
            expected ^= character
        if not checksum.isdecimal() or int(checksum) != expected:
            self._ask_again("checksum mismatch", now_s)
            return None
        self._last_number = number
        return match[2] if match else ""

    def _ask_again(self, reason: str, now_s: float) -> None:
        self._say(f"Error:{reason}, Last Line: {self._last_number}", now_s)
        self._say(f"Resend: {self._last_number + 1}", now_s)
        self._say("ok", now_s)

    def go_on(self, now_s: float) -> None:
        """Works off the queue; M400 holds it up until the motion has ended."""
        while self._queue and not self._killed:
            if self._queue[0] == "M400" and self.moving:
                self._keep_alive(now_s)
                return
            self._busy_at_s = None
            self._carry_out(self._queue.popleft(), now_s)

    def due_s(self) -> float | None:
        """When it will say that it is busy."""
        return self._busy_at_s

    def _keep_alive(self, now_s: float) -> None:
        if self._busy_at_s is None:
            self._busy_at_s = now_s + self.options.keepalive_s
        elif self._busy_at_s <= now_s:
            self._say("echo:busy: processing", now_s)
            self._busy_at_s = now_s + self.options.keepalive_s

    def _carry_out(self, line: str, now_s: float) -> None:
        word = line.split(" ")[0]
        if word == "M115":
            self._say("FIRMWARE_NAME:Marlin 2.1.2.5 SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin", now_s)
            self._say("Cap:EMERGENCY_PARSER:1", now_s)
        elif word == "M114":
            self._say("X:0.00 Y:0.00 Z:0.00 E:0.00 Count X:0 Y:0 Z:0", now_s)
        elif word == "M118":
            self._say(line.partition(" ")[2], now_s)
        elif not _KNOWN.fullmatch(word):
            self._say(f'echo:Unknown command: "{line}"', now_s)
        elif word not in ("M110", "M400", "M410"):
            self.execute(line, now_s)
        self._say("ok", now_s)

    def on_jam(self, now_s: float) -> None:
        """Marlin knows of no jam but a homing switch that is not reached, and gives up."""
        self._say("Error:Homing Failed", now_s)
        self._kill(now_s)

    def _kill(self, now_s: float) -> None:
        self.halt()
        self._queue.clear()
        self._killed = True
        self._busy_at_s = None
        self._say("Error:Printer halted. kill() called!", now_s)
