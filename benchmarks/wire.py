"""The far end of the arm's line, in a process of its own: a simulated arm that notes when each command's bytes came."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.pty import PtyArm
from sorter.errors import DeviceError

_SORT = re.compile(rb"(\d+) SORT")
_END_S = 10.0


class StampingArm(SimulatedArm):
    """Notes when the first bytes of each SORT came.

    Attributes:
        stamps_s: Time by sequence number, on the clock of ``time.monotonic``, which all processes share.
    """

    def __init__(self, options: SimulatedArmOptions | None = None) -> None:
        super().__init__(options)
        self.stamps_s: dict[int, float] = {}

    def receive(self, data: bytes, now_s: float) -> None:
        """Takes bytes from the host."""
        found = _SORT.search(data)
        if found:
            self.stamps_s.setdefault(int(found[1]), now_s)
        super().receive(data, now_s)


class FarEnd:
    """Runs the stamping arm beside this process: in it, its thread would wait for the threads that it measures.

    Args:
        folder: For its file.
        move_s: Seconds that a motion takes.

    Attributes:
        port: The arm's port, while it runs.
    """

    def __init__(self, folder: Path, move_s: float = 0.02) -> None:
        self._file, self._move_s = folder / "stamps.json", move_s
        self.port = ""

    def __enter__(self) -> Self:
        """Starts it."""
        code = f"from sorter.benchmarks.wire import serve; serve({str(self._file)!r}, {self._move_s})"
        self._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip()
        if not self.port:
            raise DeviceError("The far end of the line does not start.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.communicate(timeout=_END_S)

    def stamps_s(self) -> dict[int, float]:
        """When each command arrived; call it after the end."""
        noted = json.loads(self._file.read_text())
        return {int(sequence): at_s for sequence, at_s in noted["stamps_s"].items()}

    def motions(self) -> list[tuple[int, int, str]]:
        """Number, bin and ending of every motion, in order; call it after the end."""
        noted = json.loads(self._file.read_text())
        return [(sequence, int(bin_number), ending) for sequence, bin_number, ending in noted["motions"]]


def serve(file: str, move_s: float) -> None:
    """Serves the arm until SIGTERM, then writes what it has noted."""
    ended = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    arm = StampingArm(SimulatedArmOptions(move_s=move_s))
    with PtyArm(arm) as port:
        print(port.path, flush=True)
        while not ended:
            time.sleep(0.1)
    motions = [(motion.command.sequence, motion.command.arguments[0], motion.ending) for motion in arm.motion_log]
    Path(file).write_text(json.dumps({"stamps_s": arm.stamps_s, "motions": motions}))
