"""What the loop owes to the outside at every turn: the watchdog, the status line, the board's warnings."""

from collections.abc import Callable
from pathlib import Path

from sorter.cli import warn
from sorter.edge.monitor import Monitor, Status
from sorter.edge.service.board import Board
from sorter.edge.service.notify import Notifier, make_notifier, watchdog_timeout_s
from sorter.edge.service.watchdog import Watchdog, device_files, restart_may_help

Assess = Callable[[Status, float], tuple[str, ...]]
"""What keeps the sorter from working, from its status and the time on the clock of ``time.monotonic``."""


class Supervision:
    """Stands between the loop and the service manager. Used by the loop's thread alone.

    Without a service manager it only watches the board, so that the loop need not ask.

    Args:
        monitor: Whose status is judged, and which is told the board's warnings.
        assess: Judges it.
        notifier: The service manager.
        watchdog: When to feed it.
        board: The computer.
    """

    def __init__(self, monitor: Monitor, assess: Assess, notifier: Notifier, watchdog: Watchdog, board: Board) -> None:
        self._monitor, self._assess = monitor, assess
        self._notifier, self._watchdog, self._board = notifier, watchdog, board
        self._warned: set[str] = set()

    @property
    def interval_s(self) -> float:
        """``tick`` wants to be called at least this often."""
        return self._watchdog.interval_s

    def start(self) -> None:
        """The loop runs: starting has succeeded, whatever state the devices are in."""
        self._notifier.ready(summarize(self._monitor.status))

    def tick(self, now_s: float) -> bool:
        """Does what is due; cheap otherwise.

        Args:
            now_s: On the clock of ``time.monotonic``.

        Returns:
            False once the service manager is going to restart the process.
        """
        self._look_at_board(now_s)
        status = self._monitor.status
        return self._watchdog.tick(
            self._assess(status, now_s), now_s, curable=restart_may_help(status), summary=summarize(status)
        )

    def stop(self) -> None:
        """The loop has ended; what follows is tidying up."""
        self._notifier.stopping()

    def _look_at_board(self, now_s: float) -> None:
        warnings = self._board.warnings(now_s)
        if warnings != self._monitor.status.warnings:
            self._monitor.update(warnings=warnings)
        for sentence in warnings:
            # The figure inside may change from one reading to the next; once in a run is enough for the log.
            kind = sentence.split("(")[0]
            if kind not in self._warned:
                self._warned.add(kind)
                warn(sentence)


def summarize(status: Status) -> str:
    """One line for ``systemctl status``: ``WAITING: 12 objects sorted, 1 rejected.``."""
    line = f"{status.phase.name}: {status.sorted_objects} objects sorted, {status.rejected} rejected."
    return f"{line} {status.reason}".rstrip()


def make_supervision(monitor: Monitor, assess: Assess, camera: str, port: str, folder: Path) -> Supervision:
    """Supervision by the service manager that started this process, if one did.

    Args:
        monitor: Of the running sorter.
        assess: Judges its status.
        camera: What ``--camera`` says.
        port: What ``--port`` says.
        folder: On the disk that fills: the journal's.
    """
    notifier = make_notifier()
    watchdog = Watchdog(notifier, watchdog_timeout_s(), absent=device_files(camera, port))
    return Supervision(monitor, assess, notifier, watchdog, Board(folder))
