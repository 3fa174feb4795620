"""A simulated uArm Swift Pro with firmware 4: tickets, and answers that come when the motion has ended."""

import re
from collections import deque

from sorter.edge.simulation.controller import Controller, moves

_SOFT_RESET = 0x18


class UarmController(Controller):
    """Behaves as ``uarm_protocol.c`` does: ``P`` is answered at once, everything else when the arm stands still."""

    title = "uArm"
    realtime = b"\x18"
    is_motion = staticmethod(moves)

    def boot(self) -> None:
        """Forgets the tickets."""
        self._unanswered: deque[str] = deque()

    def banner(self) -> tuple[str, ...]:
        """As after power-on."""
        return ("device name : SwiftPro", "soft ver : V4.9.0", "@1")

    def obey_at_once(self, byte: int, now_s: float) -> None:
        """A soft reset stops the motors; lines that were being carried out are then answered as if they had been."""
        if byte == _SOFT_RESET:
            self.halt()
            self._say("ok", now_s)

    def obey(self, line: str, now_s: float) -> None:
        """Questions are answered at once."""
        match = re.match(r"(?:#(\d+)\s*)?([GMP]\d+)\b\s*(.*)", line)
        if match is None:
            return
        ticket = f"${match[1]} " if match[1] else ""
        command = f"{match[2]} {match[3]}".strip()
        if match[2] == "P2201":
            self._say(f"{ticket}ok SwiftPro", now_s)
        elif match[2].startswith("P"):
            self._say(f"{ticket}ok X200.00 Y0.00 Z150.00", now_s)
        elif match[2] in ("M2200", "M400"):
            self._unanswered.append(f"{ticket}E20")
        else:
            self.execute(command, now_s)
            self._unanswered.append(f"{ticket}ok")

    def go_on(self, now_s: float) -> None:
        """Answers lines once the arm stands still."""
        while self._unanswered and not self.moving:
            self._say(self._unanswered.popleft(), now_s)

    def on_jam(self, now_s: float) -> None:
        """The encoders notice that it is not where it should be."""
        if self._unanswered:
            self._unanswered[-1] = self._unanswered[-1].replace("ok", "E25")
