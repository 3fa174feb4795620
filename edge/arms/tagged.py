"""A script on its way to GRBL, which has no line numbers but keeps a tool number: each line carries one as its tag.

GRBL 1.1 knows no tools. It takes the word ``T`` of a line, does nothing with it but remember it, and tells it when
asked with ``$G`` (``gcode.c``: "Select tool: NOT SUPPORTED. Only tracks tool value"). A line is obeyed whole or not at
all, and a serial line keeps the order of what is sent. So when GRBL is idle and still owes an ``ok``, it is asked, and

* tells the tag of the line in question: the line was obeyed, and only its ``ok`` was lost;
* tells the tag of the line before: it never had this one, nor does it lie in a buffer, since the question came behind
  it. Sent again, it moves the arm for the first time;
* tells anything else, 0 after a reset, or nothing: the outcome is unknown, as it is for a line that carries no tag.

Tags are twice the same digit, so one damaged character makes no tag of another. This errs where the letter of a tag is
damaged into one that GRBL takes as well (``S``, ``F``, ``N``) **and** the answer to just that line is lost. GRBL has no
checksums; a single damaged digit already sends the arm elsewhere, and nobody notices.
"""

import re
from collections.abc import Sequence

from sorter.edge.arms import protocol
from sorter.edge.arms.dialects import Answer, grbl_state
from sorter.edge.arms.runs import RunPlan, ScriptRun

_TAGS = tuple(range(11, 100, 11))
_QUESTION = b"\n$G\n"
"""The line feed first ends a line that lost its own. GRBL says ``ok`` to both; none counts until all is settled."""

_IDLE_REPORTS = 4
"""GRBL says so often in a row that it is idle while an ok is missing: then the line or its ok was lost."""


class GrblRun(ScriptRun):
    """GRBL answers ``?`` in every state, so its silence is noticed soon, and so is an ok that was lost."""

    def __init__(self, plan: RunPlan, now_s: float) -> None:
        super().__init__(plan, now_s)
        self._lines, self._tags = tag_lines(self._lines)
        self._lead = len(self._lines) - len(plan.lines) - len(plan.closing)
        self._poll_at_s = now_s + plan.poll_s
        self._polled = False
        self._idle_reports = 0
        self._questions = 0
        self._asking = self._ask_now = False
        self._told: int | None = None
        self._settled_at_s = now_s

    def _take(self, answer: Answer, now_s: float) -> None:
        if answer.kind == "state":
            self._polled = False
            self._look(answer.text, now_s)
        elif self._asking:
            if answer.kind == "modes":
                self._told, self._settled_at_s = answer.number, now_s + self._plan.repeat_interval_s
        elif answer.kind == "refused" and self._lead and not self._taken:
            # A relative of GRBL that has tools, and not this one: it gets no tags.
            self._tags = [0] * len(self._lines)
            self._go_on(now_s)
        elif answer.kind == "refused":
            raise self._refuse(answer)
        elif answer.kind == "ok" and self._taken < self._sent:
            self._go_on(now_s)

    def _go_on(self, now_s: float) -> None:
        self._taken += 1
        self._idle_reports = self._questions = 0
        if self._taken > self._lead:
            self._acknowledge()
        if self._taken == len(self._lines):
            self._poll_at_s = now_s

    def _look(self, word: str, now_s: float) -> None:
        state = grbl_state(word)
        if state == "FAULT":
            raise self._fault(protocol.ERR_JAMMED, f"its state is {word}", started=True)
        if state == "STOPPED":
            raise self._fault(protocol.ERR_INTERRUPTED, f"somebody stopped it (state {word})", started=True)
        if state != "IDLE":
            self._idle_reports = 0
        elif self._taken == len(self._lines):
            self.completed = True
        elif self._told is not None:
            # What is said to the question itself has come by now, also over a line with delays.
            if now_s >= self._settled_at_s:
                self._settle(self._told, now_s)
        else:
            self._idle_reports += 1
            if self._idle_reports >= _IDLE_REPORTS:
                self._doubt()

    def _doubt(self) -> None:
        """It is idle, and owes an answer."""
        if not any(self._tags) or self._questions >= self._plan.attempts:
            raise self._unknown("says that it is idle, but not what became of")
        self._questions += 1
        self._idle_reports = 0
        self._asking = self._ask_now = True

    def _settle(self, told: int, now_s: float) -> None:
        """It has told which line it obeyed last."""
        self._asking, self._told = False, None
        own, before = self._tags[self._taken], self._tags[self._taken - 1] if self._taken else told
        if own and told == own:
            self._go_on(now_s)
        elif own and told == before:
            self._sent -= 1
            self.resends += 1
            self._idle_reports = 0
        else:
            raise self._unknown("is idle, but its last line is none that tells what became of")

    def _next(self, now_s: float) -> bytes:
        line = self._lines[self._sent]
        self._sent += 1
        self._heard_at_s, self._idle_reports = now_s, 0
        return line.encode("ascii") + b"\n"

    def _poll(self, now_s: float) -> bytes:
        if self._ask_now:
            self._ask_now = False
            return _QUESTION
        # One question at a time: an ok may stand behind all the answers to questions that waited together.
        patience_s = min(self._plan.repeat_interval_s, self._plan.silence_timeout_s / 2)
        overdue = now_s >= self._poll_at_s + patience_s
        if now_s < self._poll_at_s or (self._polled and not overdue):
            return b""
        self._poll_at_s, self._polled = now_s + self._plan.poll_s, True
        return b"?"


def tag_lines(lines: Sequence[str]) -> tuple[list[str], list[int]]:
    """Lines with tags, and the tag of each; 0 where it has none.

    A line with nothing but a tag is put before them, so that the first one has another before it. Where a line sets the
    tool number itself, none gets a tag; neither do GRBL's own commands (``$H``).
    """
    if any("T" in re.sub(r"\(.*?\)|;.*", "", line).upper() for line in lines):
        return list(lines), [0] * len(lines)
    tagged, tags = [f"T{_TAGS[0]}"], [_TAGS[0]]
    for number, line in enumerate(lines, start=1):
        tag = _TAGS[number % len(_TAGS)] if re.match(r"[GMFSXYZ]", line, re.IGNORECASE) else 0
        tagged.append(f"T{tag} {line}" if tag else line)
        tags.append(tag)
    return tagged, tags
