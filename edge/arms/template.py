"""An arm that wants a text or some bytes for each bin: relay boards, pneumatic gates, old firmware."""

import re
import time
from collections.abc import Callable

from sorter.edge.arms.arm import ArmFaultError, ArmNotAcknowledgedError, ArmOutcomeUnknownError, ArmState
from sorter.edge.arms.bookkept import BookkeptArm
from sorter.edge.arms.link import Link
from sorter.edge.arms.messages import read_message
from sorter.edge.arms.options import ArmOptions
from sorter.edge.arms.runs import ERR_OWN_FAULT
from sorter.errors import ArmError

_HEARD_BYTES = 4096
"""As much of an answer as is looked at."""


class TemplateArm(BookkeptArm):
    """An arm behind a link that is sent messages. See ``Arm`` for what its methods promise.

    What it cannot promise: a device that answers nothing cannot say that it is there, that it understood, or that it
    has been reset. A message is sent once and never again. With a ``reply``, its absence means that the outcome is
    unknown; without one, the motion counts as done after ``move_s``.

    Args:
        link: Where the device is.
        options: Messages and replies.
    """

    def __init__(self, link: Link, options: ArmOptions) -> None:
        super().__init__(link, options, frozenset(options.messages))
        self._heard = bytearray()

    def _meet(self) -> str:
        if not self._options.hello_message:
            return "template"
        match = self._ask_hello(self._options.handshake_timeout_s)
        if match is None:
            raise ArmError(
                f"Nothing at {self.name} answered hello_message as hello_reply says.",
                "Is the device switched on, and this the right port and speed (baud)?",
            )
        name = (match[1] if match.re.groups else match[0]) or "template"
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name.strip())[:24] or "template"

    def _ask_hello(self, patience_s: float) -> re.Match[str] | None:
        deadline_s = time.monotonic() + patience_s
        while (now_s := time.monotonic()) < deadline_s:
            self._heard.clear()
            self._write(read_message(self._options.hello_message, "Option hello_message"))
            again_s = min(deadline_s, now_s + self._options.hello_interval_s)
            while time.monotonic() < again_s:
                if (match := self._find(self._options.hello_reply)) is not None:
                    return match
        return None

    def _sort(self, bin_number: int, what: str, acknowledge: Callable[[], None]) -> None:
        self._move(self._options.messages[bin_number], what, acknowledge)

    def _can_park(self) -> bool:
        return bool(self._options.home_message)

    def _park(self) -> None:
        self._move(self._options.home_message, "home_message", lambda: None)

    def _move(self, message: str, what: str, acknowledge: Callable[[], None]) -> None:
        self._heard.clear()
        self._send(read_message(message, "The message"))
        acknowledge()
        options = self._options
        deadline_s = time.monotonic() + (options.motion_timeout_s if options.reply else options.move_s)
        while time.monotonic() < deadline_s:
            if self._stopping.is_set():
                raise self._interrupted(what)
            replied = self._find(options.reply) if options.reply else self._find(r"(?!)")
            if options.refusal and (refused := self._search(options.refusal)) is not None:
                raise ArmFaultError(
                    f"Arm {self.name} reports, at {what}: {refused[0]!r}.",
                    "Look at the arm, then resume.",
                    number=ERR_OWN_FAULT,
                    started=True,
                )
            if replied is not None:
                return
        if self._stopping.is_set():
            raise self._interrupted(what)
        if options.reply:
            raise ArmOutcomeUnknownError(
                f"Arm {self.name} did not reply to {what} within {options.motion_timeout_s:g} s.",
                "Look where the object is before going on; the command must not be repeated blindly.",
            )

    def _find(self, pattern: str) -> re.Match[str] | None:
        """Reads once, and looks for a pattern in what has come since the message."""
        self._heard += self._link.read()
        del self._heard[:-_HEARD_BYTES]
        return self._search(pattern)

    def _search(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self._heard.decode("latin-1"))

    def _halt(self) -> None:
        if not self._options.stop_message:
            raise ArmError(f"Arm {self.name} was given no stop_message.", "Cut its power.")
        # Nothing tells whether it was understood: twice is more than once.
        for _ in range(2):
            self._write(read_message(self._options.stop_message, "Option stop_message"))

    def _wake(self) -> None:
        """Nothing has to be cleared in the device itself."""

    def _ask_state(self) -> ArmState:
        if self._options.hello_message and self._ask_hello(self._options.repeat_interval_s * 4) is None:
            raise ArmNotAcknowledgedError(f"Arm {self.name} does not answer.", "Check cable and power.")
        self._link.waiting()
        return "IDLE"

    def _catch_up(self) -> None:
        while self._link.waiting():
            self._link.read()

    def _hear_idle(self) -> None:
        self._link.read()

    def _write(self, data: bytes) -> None:
        with self._writing:
            self.sent_lines += 1
            self._link.write(data)
