"""Hours of sorting in minutes: does the sorter's memory grow, and is its journal complete?

``python -m sorter.benchmarks.endurance --objects 20000 --json FILE``. The whole sorter runs in a process of its own:
everything that ``sorter-run`` assembles, but for the camera, which gives small prepared pictures as fast as they are
looked at. A fast simulated arm answers from another process. An object every 1.4 s makes 20,000 in eight hours.
"""

import signal
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from sorter.benchmarks.rig import JournalView, Program
from sorter.benchmarks.wire import FarEnd
from sorter.cli import SorterCommand
from sorter.edge.arms.protocol import next_sequence
from sorter.errors import SorterError

_MOST_GROWTH_MB = 5.0
_SAMPLES = 40
_STALL_S = 60.0
_PICTURE_SIZE = (128, 96)
_MOVE_S = 0.002
_SETTINGS = {
    "model.file": "fruit-demo-int8",
    "decision.votes": 1,
    "decision.settle_s": 0.0,
    "decision.clear_s": 0.0,
    "arm.heartbeat_s": 2.0,
}


class Endurance:
    """One run.

    Args:
        objects: How many objects come.
        warm_up: Memory is compared with what it is after so many.
        folder: For the journal and what is said.
    """

    def __init__(self, objects: int, warm_up: int, folder: Path) -> None:
        self._objects, self._warm_up, self._folder = objects, warm_up, folder
        self._journal = JournalView(folder / "journal.db")
        self._memory_mb: list[tuple[int, float]] = []

    def run(self) -> dict[str, Any]:
        """Carries it out, and gives all figures."""
        code = "from sorter.benchmarks.endurance import run_sorter; run_sorter()"
        with FarEnd(self._folder, _MOVE_S) as far:
            started_s = time.monotonic()
            program = Program(code, [str(self._folder), str(self._objects), far.port], self._folder / "run.log")
            try:
                cpu_s = self._watch(program)
                exit_code = program.end(0)  # no signal: it ends by itself
            finally:
                program.end(signal.SIGKILL)
            duration_s = time.monotonic() - started_s
        return {**self._figures(far.motions(), duration_s, cpu_s), "exit_code": exit_code}

    def _watch(self, program: Program) -> float:
        """Samples the memory until all objects are sorted, or nothing happens any more; gives the CPU time."""
        rows, cpu_s, progress_at_s, step = 0, 0.0, time.monotonic(), max(1, self._objects // _SAMPLES)
        while program.running and time.monotonic() - progress_at_s < _STALL_S:
            time.sleep(0.1)
            found = self._journal.rows()
            if found > rows and program.running:
                if found // step > rows // step or rows < self._warm_up <= found:
                    self._memory_mb.append((found, program.resident_mb()))
                    cpu_s = program.cpu_s()
                rows, progress_at_s = found, time.monotonic()
            elif rows >= self._objects and program.running:
                self._memory_mb.append((rows, program.resident_mb()))
                break
        return cpu_s

    def _figures(self, motions: list[tuple[int, int, str]], duration_s: float, cpu_s: float) -> dict[str, Any]:
        rows = self._journal.read("SELECT sequence, bin, outcome, cleared_at FROM object ORDER BY id")
        stages = self._journal.read(
            "SELECT avg(acknowledged_at - decided_at), avg(completed_at - decided_at) FROM object"
        )
        warm_mb = next((mb for count, mb in self._memory_mb if count >= self._warm_up), 0.0)
        end_mb = self._memory_mb[-1][1] if self._memory_mb else 0.0
        per_object = 1e3 / max(1, len(rows))
        return {
            "rows": len(rows),
            "duration_s": round(duration_s, 1),
            "per_object_ms": {
                "total": round(duration_s * per_object, 2),
                "cpu": round(cpu_s * per_object, 2),
                "decided to acknowledged": round(1e3 * (stages[0][0] or 0), 2),
                "decided to completed": round(1e3 * (stages[0][1] or 0), 2),
            },
            "warm_mb": round(warm_mb, 2),
            "end_mb": round(end_mb, 2),
            "growth_mb": round(end_mb - warm_mb, 2),
            "memory_mb": [(count, round(mb, 2)) for count, mb in self._memory_mb],
            "rows_completed": sum(row[2] == "completed" for row in rows),
            "rows_cleared": sum(row[3] is not None for row in rows),
            "consecutive": all(b[0] == next_sequence(a[0]) for a, b in pairwise(rows)),
            "motions": len(motions),
            "motions_as_decided": [motion[:2] for motion in motions] == [row[:2] for row in rows],
            "motions_done": sum(motion[2] == "done" for motion in motions),
        }


def run_sorter() -> None:
    """The sorter, for a process of its own; its arguments are the folder, the number of objects, and the arm's port."""
    from sorter.benchmarks.lockstep import LockstepCamera, LockstepTrigger
    from sorter.benchmarks.prepared import draw_pictures
    from sorter.edge import assembly
    from sorter.edge.arms.ports import make_arm
    from sorter.edge.configuration import read_settings
    from sorter.edge.station import Station
    from sorter.edge.triggers.options import TriggerOptions

    folder, objects, port = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    camera = LockstepCamera(draw_pictures(size=_PICTURE_SIZE), objects)
    trigger = LockstepTrigger(TriggerOptions(motion_s=0.01, width_px=64), camera)
    places = {"camera.source": "0", "arm.port": port, "journal.file": folder / "journal.db", "run.objects": objects}
    settings = read_settings(None, {**_SETTINGS, **places})
    station = Station(camera, trigger, make_arm(port, settings.arm), camera.take)
    vars(assembly)["make_station"] = lambda *_arguments: station
    with assembly.assemble(settings, person_can_resume=False) as sorter:
        sorter.runtime.run()
        time.sleep(1.0)  # for a last look at its memory


def complaints(figures: dict[str, Any], objects: int) -> list[str]:
    """What is wrong besides memory, in words."""
    counts = ("rows", "rows_completed", "motions", "motions_done")
    wrong = [f"{figures[name]} {name} of {objects}" for name in counts if figures[name] != objects]
    if figures["rows_cleared"] < objects - 1:  # the run ends with the last one's motion
        wrong.append(f"{figures['rows_cleared']} rows_cleared of {objects}")
    if figures["exit_code"] != 0:
        wrong.append(f"the sorter ended with {figures['exit_code']}")
    return wrong + [f"not {name}" for name in ("consecutive", "motions_as_decided") if not figures[name]]


@click.command(cls=SorterCommand)
@click.option("--objects", type=click.IntRange(10), default=20_000, help="Objects that come.")
@click.option("--warm-up", type=click.IntRange(1), default=2_000, help="Memory is compared from here on.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder in which journal and log stay.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def endurance(objects: int, warm_up: int, keep: Path | None, json_file: Path | None) -> None:
    """Sorts for a long time in a short one, and looks at memory and journal."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.files import make_folder, write_json

    with tempfile.TemporaryDirectory() as folder:
        figures = Endurance(objects, warm_up, make_folder(keep) if keep else Path(folder)).run()
    for name, value in figures.items():
        click.echo(f"{name}: {value}")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})
    wrong = complaints(figures, objects)
    if wrong:
        raise SorterError(f"Not every object was sorted once: {'; '.join(wrong)}.", "Look at the log with --keep.")
    if figures["growth_mb"] > _MOST_GROWTH_MB:
        raise SorterError(f"Memory grew by {figures['growth_mb']} MB.", "Start the sorter with tracemalloc to see why.")


if __name__ == "__main__":
    endurance()
