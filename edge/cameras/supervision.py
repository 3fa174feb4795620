"""What to think of a camera, and when to open it again. Pure code: events and the clock in, decisions out."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from sorter.edge.cameras.camera import CameraSetupError, Frame
from sorter.edge.cameras.guard import Glance, Guard
from sorter.edge.cameras.health import CameraHealth, CameraState
from sorter.edge.cameras.options import CameraOptions
from sorter.errors import CameraError, SorterError

_RATE_WINDOW_S = 2.0
_CABLE_HINT = "Check its cable and power, and what it looks at."


class Supervision:
    """Follows one camera through openings, frames and failures.

    A camera in trouble is closed and opened again after a wait that doubles with each attempt. Until then it is still
    looked at: the light may have come back, and a network camera may have thawed.

    Args:
        name: Of the camera, for messages.
        options: Limits.
        recorded: See ``Camera``; then frames are good whatever they show.
        noisy: See ``Camera``.

    Attributes:
        failure: Why the camera is given up; None while there is hope.
        retry_at_s: When the camera is to be closed and opened again; None while there is no need.
    """

    def __init__(self, name: str, options: CameraOptions, recorded: bool = False, noisy: bool = True) -> None:
        self._title = name[:1].upper() + name[1:]
        self._options = options
        self._guard = None if recorded else Guard(options, noisy)
        self._health = CameraHealth()
        self._good_at_s: deque[float] = deque()
        self._attempts = 0
        self._opened = False
        self._fresh_at_s = 0.0
        self._black_since_s: float | None = None
        self._trouble_since_s: float | None = None
        self._ok_since_s = 0.0
        self._offset: int | None = 0
        self._last_number = -1
        self.failure: SorterError | None = None
        self.retry_at_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether frames are delivered."""
        return self._health.state == "ok"

    def opening(self, now_s: float) -> None:
        """The camera is being opened again."""
        self._attempts += 1
        self._opened, self._black_since_s = False, None
        self.retry_at_s = now_s + max(self._options.open_timeout_s, self._wait_s())
        self._health = replace(self._health, reopened=self._health.reopened + 1)

    def opened(self, now_s: float, settings: Mapping[str, str]) -> None:
        """The camera is open; frames ought to come."""
        self._opened, self._fresh_at_s = True, now_s
        self._offset = None
        if self._guard is not None:
            self._guard.restart()
        # A camera in trouble gets the time of one wait, and never less than it may take to give a picture.
        self.retry_at_s = now_s + max(self._options.silent_s, self._wait_s()) if self._attempts else None
        self._health = replace(self._health, settings=dict(settings))

    def see(self, frame: Frame, seen: Glance, now_s: float) -> Frame | None:
        """Judges a frame.

        Args:
            frame: As the camera gave it.
            seen: A glance at it.
            now_s: When it arrived.

        Returns:
            The frame with its number counted over all openings, or None where it must not be used.
        """
        self._opened = True
        verdict = "good" if self._guard is None else self._guard.judge(seen, frame.captured_at_s, now_s)
        if verdict != "old":
            self._fresh_at_s = now_s
        if verdict != "black":
            self._black_since_s = None
        elif self._black_since_s is None:
            self._black_since_s = now_s
        if verdict == "good":
            return self._accept(frame, now_s)
        if verdict == "frozen":
            self._trouble("frozen", f"{self._title} gives the same picture again and again.", now_s)
        elif self._black_since_s is not None and now_s - self._black_since_s >= self._options.black_s:
            self._trouble("black", f"{self._title} sees nothing but black.", now_s)
        return None

    def fail(self, error: SorterError, now_s: float) -> None:
        """The camera failed to open or to give a frame, and tells why."""
        self._opened = False
        self.retry_at_s = None
        if isinstance(error, CameraSetupError) and not self._health.frames:
            self.failure = error
        self._trouble("lost", error.message, now_s)

    def check(self, now_s: float) -> None:
        """Sees what only the clock tells: silence, an opening that takes too long, the end of patience."""
        options = self._options
        if self._opened and now_s - self._fresh_at_s >= options.silent_s:
            self._trouble("silent", f"{self._title} has given no fresh picture for {options.silent_s:g} s.", now_s)
        elif not self._opened and self._health.state != "lost" and self._is_due(now_s):
            self._trouble("lost", f"{self._title} takes longer than {options.open_timeout_s:g} s to open.", now_s)
        patience_s, since_s = options.give_up_s, self._trouble_since_s
        if patience_s is not None and since_s is not None and now_s - since_s >= patience_s and not self.ok:
            self.failure = self.failure or CameraError(self._health.reason, _CABLE_HINT)

    def next_check_s(self) -> float:
        """When ``check`` or ``retry_at_s`` will next matter, if no event comes before; may be infinite."""
        times_s = [self.retry_at_s]
        if self._opened and self._health.state in ("ok", "opening"):
            times_s.append(self._fresh_at_s + self._options.silent_s)
        if self._options.give_up_s is not None and self._trouble_since_s is not None and self.failure is None:
            times_s.append(self._trouble_since_s + self._options.give_up_s)
        return min((time_s for time_s in times_s if time_s is not None), default=math.inf)

    def health(self, now_s: float) -> CameraHealth:
        """How the camera is doing at this moment, also when the thread that reads it hangs."""
        health = self._health
        if self.ok and now_s - self._fresh_at_s >= self._options.silent_s:
            health = replace(health, state="silent", reason=self._silence(now_s - self._fresh_at_s))
        return replace(health, fps=self._fps(now_s))

    def _accept(self, frame: Frame, now_s: float) -> Frame:
        if self._offset is None:
            self._offset = self._last_number + 1 - frame.number
        self._last_number = max(self._last_number + 1, frame.number + self._offset)
        if not self.ok:
            self._ok_since_s = now_s
            self._trouble_since_s = self.retry_at_s = None
        elif now_s - self._ok_since_s >= self._options.retry_max_s:
            self._attempts = 0
        self._good_at_s.append(now_s)
        size = (frame.image.shape[1], frame.image.shape[0])
        frames = self._health.frames + 1
        self._health = replace(
            self._health, state="ok", reason="", size=size, frame_at_s=frame.captured_at_s, frames=frames
        )
        return replace(frame, number=self._last_number)

    def _trouble(self, state: CameraState, reason: str, now_s: float) -> None:
        self._health = replace(self._health, state=state, reason=reason)
        if self._trouble_since_s is None:
            self._trouble_since_s = now_s
        if self.retry_at_s is None:
            self.retry_at_s = now_s + self._wait_s()

    def _wait_s(self) -> float:
        # The exponent has a limit because a camera may stay away for weeks.
        return min(self._options.retry_max_s, self._options.retry_min_s * 2.0 ** min(self._attempts, 40))

    def _is_due(self, now_s: float) -> bool:
        return self.retry_at_s is not None and now_s >= self.retry_at_s

    def _silence(self, since_s: float) -> str:
        return f"{self._title} has given no fresh picture for {since_s:.0f} s."

    def _fps(self, now_s: float) -> float:
        times_s = self._good_at_s
        while times_s and now_s - times_s[0] > _RATE_WINDOW_S:
            times_s.popleft()
        if len(times_s) < 2 or times_s[-1] == times_s[0]:
            return 0.0
        return (len(times_s) - 1) / (times_s[-1] - times_s[0])
