"""A simulated platform for other programs: its camera as an HTTP stream, its arm on a pseudo-terminal.

It lives on while the sorter that uses it is killed and started again, and keeps the truth.
"""

import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2

from sorter.cli import warn
from sorter.edge.decision import BinMap
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.camera import Simulation
from sorter.edge.simulation.pty import PtyArm
from sorter.edge.simulation.score import score
from sorter.edge.simulation.stream import PictureStream
from sorter.errors import CameraError, SorterError
from sorter.files import write_json

_JPEG_QUALITY = 90
_IDLE_S = 0.05


class SimulatedPlatform:
    """Runs the camera and the arm of one simulation, and writes down the truth.

    Args:
        simulation: What lies on the platform and who looks at it; its camera must be endless.
        arm: How the arm behaves.
        bins: Which label belongs where, for the score.
        stream: Where the pictures go.
        truth: File for the truth; None for none.
        truth_interval_s: How often it is written.
        grace_s: How long the platform stays empty after somebody has come to watch. While nobody watches no object
            comes either: a feeder stops with its sorter, and a sorter wants to see the empty place first.
    """

    def __init__(
        self,
        simulation: Simulation,
        arm: SimulatedArmOptions,
        bins: BinMap,
        stream: PictureStream,
        truth: Path | None = None,
        truth_interval_s: float = 1.0,
        grace_s: float = 1.0,
    ) -> None:
        self._camera, self._world, self._bins = simulation.camera, simulation.world, bins
        self._stream, self._truth, self._truth_interval_s = stream, truth, truth_interval_s
        self._grace_s = grace_s
        self._arm = SimulatedArm(arm, on_sorted=self._take, on_reach=self._world.reach)
        self.port = PtyArm(self._arm)
        self._stopping = threading.Event()
        self._truth_wanted = threading.Event()
        self._threads = [
            threading.Thread(target=self._film, name="simulated-camera", daemon=True),
            threading.Thread(target=self._keep_truth, name="truth", daemon=True),
        ]

    def start(self) -> None:
        """Starts camera, arm and stream.

        Raises:
            CameraError: The stream's port is taken.
            ArmError: The system gives no pseudo-terminal.
        """
        self._stream.start()
        self.port.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends everything and writes the truth a last time.

        Raises:
            StorageError: It cannot be written.
        """
        self._stopping.set()
        self._truth_wanted.set()
        self._stream.stop()
        for thread in self._threads:
            thread.join()
        self.port.stop()
        self._camera.close()
        self._write_truth()

    def __enter__(self) -> Self:
        """Starts everything."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends everything."""
        self.stop()

    def truth(self) -> dict[str, Any]:
        """What really happened so far, ready for JSON. Times are seconds on the clock of ``time.monotonic``."""
        ledger, empty_takes = self._world.ledger, self._world.empty_takes
        return {
            "score": score(ledger, empty_takes, self._bins),
            "finished": self._world.finished,
            "objects": [asdict(visit) for visit in ledger],
            "motions_over_nothing": list(empty_takes),
            "motions": len(self._arm.motions),
            "motion_log": self._motions(),
            "line_damage": dict(self._arm.damage),
            # So that a reader can compare these times with those of a journal.
            # The same moment on both clocks, so that a reader can compare with a journal's times.
            "written_at": time.time(),
            "written_at_s": time.monotonic(),
            "bins": dict(self._bins.bins),
            "reject_bin": self._bins.reject,
        }

    def want_truth(self) -> None:
        """Has the truth written at once, by another thread; may be called by a signal handler."""
        self._truth_wanted.set()

    def _motions(self) -> list[dict[str, Any]]:
        """Every motion of the arm, and the object that it took away: 0 for none."""
        takes = iter(self._world.takes)
        log = []
        for motion in self._arm.motion_log:
            command = motion.command
            is_sort = command.word == "SORT"
            log.append(
                {
                    "boot": motion.boot,
                    "sequence": command.sequence,
                    "bin": int(command.arguments[0]) if is_sort else None,
                    "began_at_s": motion.began_at_s,
                    "ending": motion.ending,
                    "took": next(takes, 0) if is_sort and motion.ending == "done" else 0,
                }
            )
        return log

    def _take(self, bin_number: int) -> None:
        self._world.take(bin_number, time.monotonic())

    def _film(self) -> None:
        """Publishes what the camera sees; nothing is drawn while nobody looks, but time passes."""
        hold_until_s = 0.0
        while not self._stopping.is_set():
            # An unplugged camera is looked for until it is back: before that nobody can come to watch.
            watched = self._stream.wait_for_watcher(_IDLE_S) or self._stream.away
            now_s = time.monotonic()
            if not watched:
                hold_until_s = now_s + self._grace_s
            if now_s < hold_until_s:
                self._world.hold(now_s)
            if watched:
                self._publish()

    def _publish(self) -> None:
        try:
            self._camera.open()
            frame = self._camera.read()
        except CameraError:
            # It is unplugged: nobody gets an answer until it is back.
            self._camera.close()
            self._stream.vanish()
            self._stopping.wait(_IDLE_S)
            return
        if frame is not None:
            _, jpeg = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
            self._stream.publish(jpeg.tobytes())

    def _keep_truth(self) -> None:
        while not self._stopping.is_set():
            self._truth_wanted.wait(self._truth_interval_s)
            self._truth_wanted.clear()
            try:
                self._write_truth()
            except SorterError as error:
                warn(f"{error.message} {error.hint}")
                return

    def _write_truth(self) -> None:
        if self._truth is not None:
            write_json(self._truth, self.truth())
