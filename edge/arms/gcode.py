"""An arm that obeys G-code: Marlin, GRBL, uArm. A script for each bin, from docs/arms.md."""

import threading
import time
from collections.abc import Callable, Iterator

from sorter.cli import warn
from sorter.edge.arms.arm import ArmOutcomeUnknownError, ArmState
from sorter.edge.arms.bookkept import BookkeptArm
from sorter.edge.arms.dialects import DIALECTS, STOP_TICKET, Answer, grbl_state, marlin_line
from sorter.edge.arms.link import Link
from sorter.edge.arms.numbered import FIRST_NUMBER, MarlinRun
from sorter.edge.arms.options import ArmOptions, split_lines
from sorter.edge.arms.runs import RunPlan, ScriptRun, UarmRun
from sorter.edge.arms.tagged import GrblRun
from sorter.errors import ArmError

_MANY_RESENDS = 0.1
"""Above this share of lines sent again the cable deserves a warning; OctoPrint warns at the same share."""

_ENOUGH_LINES = 30
"""Lines after which the share means something."""


class GcodeArm(BookkeptArm):
    """An arm behind a link, moved by scripts. See ``Arm`` for what its methods promise.

    Args:
        link: Where the arm is.
        options: Dialect and scripts, and how patient to be.
        on_warning: Called with a sentence when the cable is bad.
    """

    def __init__(self, link: Link, options: ArmOptions, on_warning: Callable[[str], None] = warn) -> None:
        super().__init__(link, options, frozenset(options.scripts))
        self._dialect = DIALECTS[options.dialect]
        self._on_warning = on_warning
        self._number = FIRST_NUMBER
        self._ticket = 0
        self._in_step = False
        # Whether the arm was met since its last reset, and numbers lines as we do.
        self._met = False
        self._started_up = False
        self._known_name = ""
        self._mute = False
        self._stop_seen = threading.Event()
        self._warned = False

    def _meet(self) -> str:
        heard = b""
        deadline_s = time.monotonic() + self._options.handshake_timeout_s
        last_s = time.monotonic() + self._options.motion_timeout_s + self._options.handshake_timeout_s
        name, told, state_known = "", "", self._options.dialect != "grbl"
        while (now_s := time.monotonic()) < deadline_s:
            if self._options.dialect == "grbl" and now_s > deadline_s - self._options.handshake_timeout_s / 2:
                # After a hard limit GRBL hears nothing but this. It stops, moves nothing, and stays locked.
                self._write(b"\x18")
            self._write(self._dialect.hello)
            again_s = min(deadline_s, now_s + self._options.hello_interval_s)
            while time.monotonic() < again_s:
                for answer in self._answers():
                    heard = (heard + answer.text.encode("ascii", "replace"))[:40]
                    if answer.kind == "reset":
                        again_s = 0.0
                    elif answer.kind == "busy":
                        # It is there, and carries out what was sent before the port was lost.
                        deadline_s = min(time.monotonic() + self._options.handshake_timeout_s, last_s)
                    elif answer.kind == "state":
                        state_known = True
                        self._see_state(grbl_state(answer.text))
                    elif answer.kind == "identity" and self._options.dialect == "grbl":
                        told = answer.text  # its ok is waited for: later it would count as that of another line
                    elif answer.kind == "identity" or (self._options.dialect == "uarm" and answer.kind == "ok"):
                        name = answer.text.split(" ")[0] or self._dialect.name
                    elif answer.kind == "ok" and told:
                        name = told
                    elif answer.kind == "refused" and self._options.dialect == "grbl":
                        name = name or self._dialect.name  # it tells its version only while it stands still
                if name and state_known:
                    return self._introduce(name)
        if self._mute and self._known_name:
            return self._known_name  # it was stopped by us, and says nothing until its board is reset
        raise self._no_answer(heard)

    def _introduce(self, name: str) -> str:
        if self._options.dialect == "marlin":
            self._number_lines()
        self._known_name, self._met, self._mute, self._started_up = name, True, False, False
        return name

    def _see_state(self, state: ArmState) -> None:
        if self._state not in ("STOPPED", "FAULT"):
            self._state = state

    def _number_lines(self) -> None:
        """Makes Marlin count lines as we do; that it says the next number, asked to under that number, proves it."""
        for _ in range(self._options.attempts):
            self._write(marlin_line(self._number, f"M110 N{self._number}"))
            self._write(marlin_line(self._number + 1, f"M118 done {self._number + 1}"))
            deadline_s = time.monotonic() + self._options.hello_interval_s
            while time.monotonic() < deadline_s:
                if any(answer.number == self._number + 1 and answer.kind == "report" for answer in self._answers()):
                    self._number += 2
                    self._in_step = True
                    return
            self._number += 2
        raise ArmError(f"Arm {self.name} does not number lines as Marlin does.", "Check cable and dialect.")

    def _no_answer(self, heard: bytes) -> ArmError:
        waited = f"{self._options.handshake_timeout_s:g} s"
        if heard:
            return ArmError(
                f"Something at {self.name} answers, but not as {self._dialect.name} does: {heard[:24]!r}.",
                "Is it another dialect (marlin, grbl, uarm), or set to another speed (baud)?",
            )
        return ArmError(
            f"No {self._dialect.name} answered at {self.name} within {waited}.",
            "Is it switched on, and this the right port and speed? After an emergency stop press its reset button.",
        )

    def _sort(self, bin_number: int, what: str, acknowledge: Callable[[], None]) -> None:
        self._start_up()
        self._run(tuple(self._options.scripts[bin_number]), what, acknowledge)

    def _can_park(self) -> bool:
        return bool(self._options.park)

    def _park(self) -> None:
        self._start_up()
        self._run(split_lines(self._options.park), "the park script", lambda: None)

    def _start_up(self) -> None:
        """The start script moves the arm: it waits for the first command."""
        if not self._started_up and self._options.start:
            self._run(split_lines(self._options.start), "the start script", lambda: None)
        self._started_up = True

    def _run(self, lines: tuple[str, ...], what: str, acknowledge: Callable[[], None]) -> None:
        if self._options.dialect == "marlin" and not self._in_step:
            self._number_lines()
        run = self._make_run(lines, what, acknowledge)
        try:
            while not run.completed:
                if self._stopping.is_set():
                    raise self._interrupted(what)
                if data := run.due(time.monotonic()):
                    self._send(data)
                for answer in self._answers():
                    if not self._stopping.is_set():
                        run.hear(answer, time.monotonic())
        except BaseException:
            # Which line it expects next, or what it still has to say, is not known.
            self._met = False
            raise
        finally:
            self.resends += run.resends
            if isinstance(run, MarlinRun):
                self._number = run.next_number
                self._in_step = run.in_step
            elif isinstance(run, UarmRun):
                self._ticket = run.ticket
        self._judge_cable()

    def _make_run(self, lines: tuple[str, ...], what: str, acknowledge: Callable[[], None]) -> ScriptRun:
        options, now_s = self._options, time.monotonic()
        plan = RunPlan(
            self.name,
            what,
            lines,
            self._dialect.closing,
            options.attempts,
            options.repeat_interval_s,
            options.silence_timeout_s,
            options.poll_s,
            options.motion_timeout_s,
            acknowledge,
        )
        if options.dialect == "marlin":
            return MarlinRun(plan, now_s, self._number)
        return GrblRun(plan, now_s) if options.dialect == "grbl" else UarmRun(plan, now_s, self._ticket)

    def _judge_cable(self) -> None:
        if not self._warned and self.sent_lines >= _ENOUGH_LINES and self.resends > _MANY_RESENDS * self.sent_lines:
            self._warned = True
            share = self.resends / self.sent_lines
            self._on_warning(f"{share:.0%} of the lines to {self.name} had to be sent again; check its cable.")

    def _after_failure(self, error: ArmError, was_idle: bool) -> None:
        super()._after_failure(error, was_idle)
        if isinstance(error, ArmOutcomeUnknownError) and not self._met and "was reset" in error.message:
            self._idle = True  # one that has just started stands still

    def _halt(self) -> None:
        own = "".join(f"{line}\n" for line in split_lines(self._options.stop_script))
        data = f"\n{own}".encode("ascii") + self._dialect.probe if own else self._dialect.stop
        self._stop_seen.clear()
        for _ in range(self._options.attempts):
            self._write(data)
            if self._wait_for_stop(time.monotonic() + self._options.acknowledge_timeout_s):
                self._mute = self._dialect.stop_silences and not own
                self._met = False
                return
        raise ArmError(f"Arm {self.name} did not confirm that it stopped.", "Cut its power.")

    def _wait_for_stop(self, deadline_s: float) -> bool:
        while not self._stop_seen.is_set() and time.monotonic() < deadline_s:
            if self._reading.acquire(blocking=False):
                try:
                    for _ in self._answers():
                        pass
                finally:
                    self._reading.release()
            else:
                self._stop_seen.wait(0.01)
        return self._stop_seen.is_set()

    def _confirms_stop(self, answer: Answer) -> bool:
        if self._options.stop_script:
            return answer.kind in ("report", "state", "ok")
        if self._options.dialect == "uarm":
            return answer.number == STOP_TICKET
        return answer.kind == ("alarm" if self._options.dialect == "marlin" else "reset")

    def _wake(self) -> None:
        if self._mute:
            self._link.reset()
        elif not self._dialect.stop_silences:
            self._write(self._dialect.stop)  # a stop may have been lost with the port
        self._state, self._mute = "IDLE", False
        try:
            self._meet()
        except ArmError as error:
            self._state, self._mute = "STOPPED", True
            raise ArmError(
                f"Arm {self.name} says nothing after its emergency stop.", "Press its reset button, then resume."
            ) from error
        if self._options.dialect == "grbl":
            self._unlock()

    def _unlock(self) -> None:
        """Takes GRBL out of its alarm; nothing moves."""
        self._state = "IDLE"
        for _ in range(self._options.attempts):
            self._write(b"$X\n?")
            deadline_s = time.monotonic() + self._options.hello_interval_s
            while time.monotonic() < deadline_s:
                for answer in self._answers():
                    if answer.kind == "state" and grbl_state(answer.text) == "IDLE":
                        return
        self._state = "FAULT"
        raise ArmError(f"Arm {self.name} stays locked.", "Look at the arm: is a limit switch still pressed?")

    def _ask_state(self) -> ArmState:
        for _ in range(self._options.attempts):
            self._write(self._dialect.probe)
            deadline_s = time.monotonic() + self._options.acknowledge_timeout_s
            while time.monotonic() < deadline_s:
                for answer in self._answers():
                    if answer.kind == "state":
                        return grbl_state(answer.text)
                    if answer.kind == "report" or (self._options.dialect == "uarm" and answer.kind == "ok"):
                        return "IDLE"
        raise ArmError(f"Arm {self.name} does not answer.", "Check cable and power.")

    def _catch_up(self) -> None:
        while self._link.waiting():
            self._hear_idle()
        # One that waits to be resumed is met then; until that it may be mute.
        if not self._met and not self._mute and self._state not in ("STOPPED", "FAULT"):
            self._meet()

    def _hear_idle(self) -> None:
        for answer in self._answers():
            if answer.kind == "alarm" and not self._stopping.is_set():
                self._state = "FAULT"
            elif answer.kind == "paused":
                self._state, self._event = "STOPPED", "stopped"

    def _answers(self) -> Iterator[Answer]:
        """What the arm says now; notes what matters whoever reads it."""
        for line in self._text_lines():
            answer = self._dialect.read(line)
            if self._confirms_stop(answer):
                self._stop_seen.set()
            if answer.kind == "reset":
                self._met = self._started_up = False
                if not self._stopping.is_set():
                    # It has forgotten, and so the books tell nothing of it any more.
                    self._continuous, self._event = False, "reset"
            if answer.kind == "alarm" and self._options.dialect == "marlin":
                self._mute = True
            yield answer

    def _write(self, data: bytes) -> None:
        """Sends what moves nothing."""
        with self._writing:
            self.sent_lines += data.count(b"\n")
            self._link.write(data)
