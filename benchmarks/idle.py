"""``sorter-run`` as a whole while nothing happens: how much of one core it takes."""

import pickle
import signal
import sys
import time
from pathlib import Path
from typing import Any

from sorter.benchmarks.prepared import Pictures
from sorter.benchmarks.rig import Program
from sorter.benchmarks.wire import FarEnd
from sorter.errors import DeviceError

_FPS = 30.0
_WARM_UP_S = 3.0
_START_S = 60.0


def measure_idle_process(model: Path, pictures: Pictures, folder: Path, duration_s: float) -> dict[str, Any]:
    """CPU time, user and system, that a ``sorter-run`` takes while its camera shows an empty place.

    It is the program itself, settings as users have them, but for the camera: a real one's driver costs what it costs,
    a simulated one would cost more than all the rest.

    Args:
        model: The network.
        pictures: What the camera shows.
        folder: For the journal and the pictures.
        duration_s: How long to look.
    """
    (folder / "pictures.pickle").write_bytes(pickle.dumps(pictures.empty))
    with FarEnd(folder) as far:
        arguments = ["--camera", "0", "--port", far.port, "--model", str(model), "--journal", str(folder / "idle.db")]
        code = f"from sorter.benchmarks.idle import run_idle; run_idle({str(folder)!r})"
        program = Program(code, arguments, folder / "idle.log")
        try:
            deadline_s = time.monotonic() + _START_S
            while "Rejected below" not in program.said():
                if not program.running or time.monotonic() > deadline_s:
                    raise DeviceError(f"The sorter does not start: {program.said()[-300:]}")
                time.sleep(0.05)
            time.sleep(_WARM_UP_S)
            cpu_s, started_s = program.cpu_s(), time.monotonic()
            time.sleep(duration_s)
            share = (program.cpu_s() - cpu_s) / (time.monotonic() - started_s)
            resident_mb = program.resident_mb()
        finally:
            program.end(signal.SIGTERM)
    return {"fps": _FPS, "core_share": round(share, 4), "resident_mb": round(resident_mb, 1), "duration_s": duration_s}


def run_idle(folder: str) -> None:
    """``sorter-run`` with a camera that hands out prepared pictures; for a process of its own."""
    from sorter.benchmarks.prepared import PreparedCamera
    from sorter.edge import station
    from sorter.edge.cli import run

    empty = pickle.loads((Path(folder) / "pictures.pickle").read_bytes())
    vars(station)["make_camera"] = lambda _uri, _options=None: PreparedCamera(Pictures(empty, ()), _FPS, idle=True)
    run(sys.argv[1:])
