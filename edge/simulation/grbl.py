"""A simulated GRBL 1.1: real-time characters, alarms that lock it, no line numbers, a tool that it only remembers.

The number is 0 again after each line without one, as in GRBL's ``gcode.c``.
"""

import re
from collections import deque

from sorter.edge.simulation.controller import Controller, moves

_FEED_HOLD, _SOFT_RESET, _STATUS, _CYCLE_START = b"!\x18?~"


class GrblController(Controller):
    """Behaves as the document "Grbl v1.1 Interface" says."""

    title = "GRBL"
    realtime = b"!\x18?~"
    is_motion = staticmethod(moves)

    def boot(self) -> None:
        """Unlocked: homing is not required."""
        self._alarm = ""
        self._deadlocked = False
        self._queue: deque[str] = deque()
        self._tool = 0

    def banner(self) -> tuple[str, ...]:
        """As after power-on."""
        return ("Grbl 1.1h ['$' for help]",)

    def obey_at_once(self, byte: int, now_s: float) -> None:
        """Real-time characters, which pass every queue."""
        if byte == _SOFT_RESET:
            self._soft_reset(now_s)
        elif byte == _STATUS and not self._deadlocked:
            state = "Alarm" if self._alarm else "Run" if self.moving else "Idle"
            self._say(f"<{state}|MPos:0.000,0.000,0.000|FS:0,0>", now_s)

    def _soft_reset(self, now_s: float) -> None:
        was_moving, was_locked = self.moving, bool(self._alarm)
        self.halt()
        self.boot()
        self._link.forget_arriving()
        if was_moving:
            self._say("ALARM:3", now_s)
        self._say("Grbl 1.1h ['$' for help]", now_s)
        if was_moving or was_locked:
            self._alarm = "3"
            self._say("[MSG:'$H'|'$X' to unlock]", now_s)

    def obey(self, line: str, now_s: float) -> None:
        """Queues; a dwell holds the queue up until the motion has ended."""
        line = re.sub(r"\(.*?\)|;.*", "", line).strip()
        if not self._deadlocked:
            self._queue.append(line)

    def go_on(self, now_s: float) -> None:
        """Works off the queue."""
        while self._queue and not self._deadlocked:
            if re.match(r"(T\d+ ?)?G4\b", self._queue[0]) and self.moving:
                return
            self._say(self._carry_out(self._queue.popleft(), now_s), now_s)

    def _carry_out(self, line: str, now_s: float) -> str:
        if line == "$I":
            if self.moving:
                return "error:8"
            self._say("[VER:1.1h.20190830:]", now_s)
            self._say("[OPT:V,15,128]", now_s)
        elif line == "$G":
            self._say(f"[GC:G0 G54 G17 G21 G90 G94 M5 M9 T{self._tool} F0 S0]", now_s)
        elif line == "$X":
            if self._alarm:
                self._alarm = ""
                self._say("[MSG:Caution: Unlocked]", now_s)
        elif line:
            return self._obey_block(line, now_s)
        return "ok"

    def _obey_block(self, line: str, now_s: float) -> str:
        """A line of G-code, obeyed whole or not at all."""
        if self._alarm:
            return "error:9"
        if not re.match(r"[GMT$]\w", line):
            return "error:1"
        if not re.fullmatch(r"[GMXYZFSPIJKLNRT$H0-9. -]+", line):
            return "error:20"
        tool = re.match(r"T(\d+) ?", line)
        self._tool = int(tool[1]) if tool else 0
        rest = line[tool.end() :] if tool else line
        if rest and not rest.startswith("G4"):
            self.execute(rest, now_s)
        return "ok"

    def on_jam(self, now_s: float) -> None:
        """A hard limit: nothing is heard any more but a reset."""
        self._alarm, self._deadlocked = "1", True
        self._queue.clear()
        self._say("ALARM:1", now_s)
        self._say("[MSG:Reset to continue]", now_s)
