"""When to let systemd restart the sorter.

systemd ends and restarts a service that has not fed its watchdog for ``WatchdogSec``. Feeding it unconditionally from a
timer would prove nothing; starving it at the first trouble would restart a sorter whose camera cable is being swapped.
What a restart can mend decides:

==============================================  ===================  ===========================================
what happened                                   a restart helps?     what is done
==============================================  ===================  ===========================================
the loop hangs                                  yes                  nobody ticks, so nobody feeds: restarted
the camera or arm fell silent, its device file  yes: a hung driver   reopening is tried first, for ``patience_s``;
is still there                                  or handle            then the watchdog is starved
a device file is gone: the cable is out         no                   fed; it waits for the cable
the arm was stopped, jammed, or paused;         no: a person must    fed; it waits for the person
a bin or the disk is full; the lens is covered
it never worked since this process started      hardly: it is fresh  starved after ``retry_s``, seldom
==============================================  ===================  ===========================================

The last row keeps a device that stays dead from being restarted every minute, and still tries again now and then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sorter.edge.monitor import Status
from sorter.edge.service.notify import Notifier

FEEDS_PER_TIMEOUT = 4
"""sd_watchdog_enabled(3) asks for two; twice as many, since a tick comes only when the loop wakes."""

_MENDABLE_CAMERA_STATES = ("opening", "lost", "silent", "frozen")


@dataclass(frozen=True)
class WatchdogOptions:
    """How patient the watchdog is.

    Attributes:
        patience_s: How long cameras and arms may be reopened before the process is restarted; longer than an arm's
            longest motion and a camera's few attempts, shorter than an operator's walk to the machine.
        retry_s: The same, where nothing has worked since the process started.
    """

    patience_s: float = 60.0
    retry_s: float = 900.0


class Watchdog:
    """Feeds systemd's watchdog while a restart would not help. Used by the loop's thread alone; knows no clock.

    Args:
        notifier: Where to feed.
        timeout_s: What ``watchdog_timeout_s()`` says; None where nobody watches. The status line is shown all the same.
        options: How patient to be.
        absent: Gives the device files that are not there; see ``AbsentDevices``.

    Attributes:
        interval_s: ``tick`` wants to be called at least this often.
    """

    def __init__(
        self,
        notifier: Notifier,
        timeout_s: float | None,
        options: WatchdogOptions | None = None,
        absent: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.interval_s = (timeout_s or 20.0) / FEEDS_PER_TIMEOUT
        self._notifier, self._options, self._absent = notifier, options or WatchdogOptions(), absent
        self._fed_at_s = float("-inf")
        self._shown = ""
        self._troubled_since_s: float | None = None
        self._was_well = False

    def tick(self, troubles: tuple[str, ...], now_s: float, *, curable: bool = True, summary: str = "Sorting.") -> bool:
        """Feeds the watchdog, if it is time and if it should be.

        Args:
            troubles: What keeps the sorter from working, one sentence each; empty while all is well.
            now_s: On the clock of ``time.monotonic``.
            curable: Whether a restart could mend it, as ``restart_may_help`` tells.
            summary: What ``systemctl status`` shows while all is well.

        Returns:
            False once the watchdog is starved: systemd will restart the process.
        """
        starving = self._is_hopeless(troubles, now_s, curable)
        status = (troubles[0] if troubles else summary) + (" A restart is due." if starving else "")
        due = now_s >= self._fed_at_s + self.interval_s
        if not starving and due:
            # Its queue may be full just now; then the next tick tries again.
            if self._notifier.feed_watchdog(status):
                self._fed_at_s = now_s
        elif status != self._shown and (troubles or due):
            self._notifier.show(status)
        else:
            return not starving
        self._shown = status
        return not starving

    def _is_hopeless(self, troubles: tuple[str, ...], now_s: float, curable: bool) -> bool:
        if not troubles or not curable:
            self._troubled_since_s = None
            self._was_well = self._was_well or not troubles
            return False
        if self._troubled_since_s is None or self._absent():
            # While the cable is out, time does not count: once it is back, reopening gets all of it.
            self._troubled_since_s = now_s
        patience_s = self._options.patience_s if self._was_well else self._options.retry_s
        return now_s >= self._troubled_since_s + patience_s


def restart_may_help(status: Status) -> bool:
    """Whether a fresh process could mend what is wrong: a device that has fallen silent, not a person's business."""
    return status.camera.state in _MENDABLE_CAMERA_STATES or status.arm.state == "LOST"


@dataclass(frozen=True)
class AbsentDevices:
    """Says which device files are not there.

    Attributes:
        paths: Files under ``/dev`` that the sorter was told to use.
    """

    paths: tuple[Path, ...]

    def __call__(self) -> tuple[str, ...]:
        """Those that are missing now."""
        return tuple(str(path) for path in self.paths if not path.exists())


def device_files(camera: str, port: str) -> AbsentDevices:
    """The device files that ``--camera`` and ``--port`` name; addresses and simulations have none."""
    camera = camera.removeprefix("v4l2://")
    if camera.isdecimal():
        camera = f"/dev/video{camera}"
    return AbsentDevices(tuple(Path(name) for name in (camera, port) if name.startswith("/dev/")))
