"""A script on its way to Marlin, whose line numbers make it safe to send a line again.

What OctoPrint and others learnt about this, and what Marlin's ``queue.cpp`` does:

* Marlin accepts a numbered line only when its number is the last one plus 1 and its checksum is right. Everything else
  it throws away and says ``Resend: n``, ``n`` being the number that it expects: **everything before n was accepted, and
  nothing from n on.** That sentence is all that is needed to go on after any loss.
* A lost ``ok``: silence; the line is sent again under its number. Marlin has had it, asks for the next one, and does
  not move. A lost line: silence; the line is sent again, and is obeyed once. The two need not be told apart.
* Some versions say ``ok`` after ``Resend``, some do not. One that comes a moment later is not counted, and were it
  counted, a line would only be sent early, which Marlin's queue takes. The motion's end is never read off an ``ok``: it
  is ``done n``, n being its own line number, which M118 says after M400 has waited for the end.
* "Marlin has had number n" tells something only while n belongs to one line. **No number is ever used for two lines**,
  not even after a late ``Resend`` made the host step back: where the last number sent is not the one that told the end,
  lines are numbered anew, further on.
* After a reset Marlin expects line 1. The host counts from 1000 on, so a line that is sent again finds a rebooted arm
  expecting something else, and moves nothing. A number that cannot be, asked for twice, means reset: the outcome is
  unknown. (Once, it may be a digit damaged on the way; Marlin's answers carry no checksum.)
"""

import re

from sorter.edge.arms.arm import ArmNotAcknowledgedError
from sorter.edge.arms.dialects import Answer, marlin_line
from sorter.edge.arms.runs import RunPlan, ScriptRun
from sorter.errors import ArmError

FIRST_NUMBER = 1000
"""The first line number used: far from those that Marlin expects after a reset."""

_RESEND_PAUSE_S = 0.03
"""How long after ``Resend`` an ``ok`` counts as belonging to it."""


class MarlinRun(ScriptRun):
    """Sends lines under numbers; after any loss Marlin itself says which it wants next.

    Attributes:
        number: Number of the first line.
        in_step: Once completed: Marlin expects ``next_number``; otherwise it has to be told.
    """

    def __init__(self, plan: RunPlan, now_s: float, number: int) -> None:
        super().__init__(plan, now_s)
        self.number = number
        self._lines[-1] = self._done_line(len(self._lines) - 1)
        self.in_step = False
        self._highest = 0
        self._fruitless = 0
        self._strange = 0
        self._not_before_s = now_s

    @property
    def next_number(self) -> int:
        """The first number that was never used."""
        return self.number + self._highest

    def _take(self, answer: Answer, now_s: float) -> None:
        if answer.kind == "resend":
            self._go_to(answer.number - self.number, now_s)
        elif answer.kind == "refused" and self._concerns_current(answer):
            raise self._refuse(answer)
        elif answer.kind == "report" and answer.number > self.number + len(self._plan.lines):
            self._acknowledge()
            self.completed = True
            self.in_step = answer.number == self.next_number - 1
        elif answer.kind == "ok" and self._taken < self._sent and now_s >= self._not_before_s:
            self._taken += 1
            self._fruitless = 0
            self._acknowledge()

    def _go_to(self, index: int, now_s: float) -> None:
        """Marlin has accepted every line before ``index``, and none from it on."""
        if not 0 <= index <= self._highest:
            self._strange += 1
            if self._strange > 1:
                raise self._unknown("was reset while it carried out")
            index = self._taken
        else:
            self._strange = 0
        if index > 0:
            self._acknowledge()
        if index > self._taken:
            self._fruitless = 0
        if index < self._sent:
            self._count_attempt()
            self.resends += 1
        self._taken = self._sent = index
        self._not_before_s = now_s + _RESEND_PAUSE_S

    def _concerns_current(self, answer: Answer) -> bool:
        """Whether it is our line that is unknown, and not one whose ``N`` was damaged: that is asked for again."""
        quoted = re.search(r'"([^" ]*)', answer.text)
        line = self._lines[min(self._taken, len(self._lines) - 1)]
        return quoted is None or line.startswith(quoted[1])

    def _next(self, now_s: float) -> bytes:
        if now_s < self._not_before_s:
            return b""
        self._sent += 1
        self._highest = max(self._highest, self._sent)
        self._heard_at_s = now_s
        return marlin_line(self.number + self._sent - 1, self._lines[self._sent - 1])

    def _poll(self, now_s: float) -> bytes:
        if self._taken == len(self._lines):
            # What it said was lost: it is asked to say it once more.
            self._count_attempt()
            self._lines.append(self._done_line(len(self._lines)))
        return b""

    def _done_line(self, index: int) -> str:
        return f"{self._plan.closing[-1]} {self.number + index}"

    def _patience_s(self) -> float:
        # The lines of a script are answered as soon as they stand in the queue; the last two when nothing moves.
        in_script = self._sent <= len(self._plan.lines)
        return min(self._plan.repeat_interval_s, self._plan.silence_timeout_s) if in_script else super()._patience_s()

    def _on_silence(self, now_s: float) -> bytes:
        self._count_attempt()
        self._heard_at_s = now_s
        if self._taken == self._sent:
            return b""
        self.resends += 1
        return marlin_line(self.number + self._sent - 1, self._lines[self._sent - 1])

    def _count_attempt(self) -> None:
        self._fruitless += 1
        if self._fruitless >= self._plan.attempts:
            raise self._gave_up("fell silent, or hears nothing but damaged lines, while it carried out")

    def _gave_up(self, verb: str) -> ArmError:
        if self._acknowledged:
            return self._unknown(verb)
        return ArmNotAcknowledgedError(
            f"Arm {self._plan.arm_name} did not acknowledge {self._plan.what}, sent {self._fruitless or 1} times.",
            "Check cable and power.",
        )
