"""The edge runtime against the bare interpreter: time to the first command byte, CPU of an idle frame and of idling.

``python -m sorter.benchmarks.edge --json FILE``. Pictures are prepared beforehand, so no figure holds a simulation:

* *Wire*: from the moment at which the deciding frame (the last of an object's votes) is handed out by the camera to the
  command on the wire: the moment at which the system has taken its bytes for the arm's pseudo-terminal, and, later by
  what it takes to wake that, the moment at which another process has read them at the other end. In both:
  hand-over between threads, trigger, preprocessing, the network, decision, the row in the journal, serial port. Less
  the interpreter's ``invoke``, as long as it took within that very classification: what remains is what the runtime
  adds. A bare ``invoke`` on the same picture right after the same object tells whether the network runs slower in the
  runtime. Where the time goes: the runtime's own stages, those of the slowest objects one by one; and beside them a
  bare write of as many bytes to the same disk, flushed (``fdatasync``).
* *Idle frame*: CPU time of the loop's thread per frame of an empty place (trigger and state machine; nothing is written
  for an empty place), and that of the whole process, which adds the thread that watches over the camera.
* *Idle process*: ``sorter-run`` as a whole, nothing happening, 30 frames a second, as a share of one core.
"""

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

from sorter.benchmarks.idle import measure_idle_process
from sorter.benchmarks.prepared import Pictures, PreparedCamera, draw_pictures
from sorter.benchmarks.probes import BareDisk, BareNetwork, StampedLink, TimedInterpreter
from sorter.benchmarks.wire import FarEnd
from sorter.bundle import Bundle
from sorter.classifier import TFLiteClassifier
from sorter.cli import SorterCommand
from sorter.edge.arms.line import LineArm
from sorter.edge.cameras.camera import Frame
from sorter.edge.decision import BinMap, DecisionOptions
from sorter.edge.journal import Journal
from sorter.edge.loop import LoopOptions
from sorter.edge.objects import SortedObject
from sorter.edge.priority import prefer_latency
from sorter.edge.runtime import Runtime
from sorter.edge.runtime_options import RuntimeOptions
from sorter.edge.station import Station, open_station
from sorter.edge.triggers.kinds import make_trigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.files import make_folder, translated_storage_errors
from sorter.image import InputSpec, Pixels
from sorter.interpreter import load_interpreter
from sorter.models import find_model

_FPS = 60.0
_IDLE_FPS = 30.0
_SLOWEST = 5
_STAGES = ("trigger", "capture age", "classify", "decide", "frame to command")
"""Stages of the runtime, of the deciding frame: see ``sorter.edge.statistics.STAGES``."""


class _Wire:
    """Notes the way of each object; after each, times the bare interpreter and the bare disk in the same thread."""

    def __init__(
        self, bare: BareNetwork, disk: BareDisk, camera: PreparedCamera, interpreter: TimedInterpreter
    ) -> None:
        self.bare, self.disk, self.camera, self._interpreter = bare, disk, camera, interpreter
        self.sent: list[tuple[int, float]] = []
        self.latest_s: dict[str, float] = {}
        self.invokes_s: list[float] = []
        self._stages_ms: dict[str, list[float]] = {name: [] for name in _STAGES}
        self._picture: Pixels | None = None

    def on_decided(self, seen: SortedObject, frame: Frame) -> None:
        self.sent.append((seen.sequence, frame.captured_at_s))
        self._picture = frame.image
        self.invokes_s.append(self._interpreter.latest_s)
        for name, times_ms in self._stages_ms.items():
            times_ms.append(self.latest_s[name] * 1e3)

    def on_completed(self, bin_number: int) -> None:
        assert self._picture is not None
        self.bare.invoke(self._picture)
        self.disk.write()
        self.camera.take(bin_number)

    def figures(self, wire_s: dict[int, float], read_s: dict[int, float]) -> dict[str, Any]:
        wire_ms, total_ms = (
            np.array([(stamps_s[sequence] - at_s) * 1e3 for sequence, at_s in self.sent])
            for stamps_s in (wire_s, read_s)
        )
        invoke_ms = np.array(self.invokes_s) * 1e3
        return {
            "total_ms": _percentiles(total_ms),
            "invoke_ms": _percentiles(invoke_ms),
            "on_wire_above_invoke_ms": _percentiles(wire_ms - invoke_ms),
            "above_invoke_ms": _percentiles(total_ms - invoke_ms),
            "bare_invoke_ms": _percentiles(np.array(self.bare.times_s) * 1e3),
            "stages_ms": {name: _percentiles(times_ms) for name, times_ms in self._stages_ms.items()},
            "handed_over_to_wire_ms": _percentiles(total_ms - np.array(self._stages_ms["frame to command"])),
            "bare_write_ms": _percentiles(np.array(self.disk.times_s) * 1e3),
            "slowest": [
                self._describe(int(i), total_ms, invoke_ms) for i in np.argsort(invoke_ms - total_ms)[:_SLOWEST]
            ],
        }

    def _describe(self, index: int, total_ms: Any, invoke_ms: Any) -> dict[str, float]:
        stages = {name: round(times_ms[index], 3) for name, times_ms in self._stages_ms.items()}
        above_ms = float(total_ms[index] - invoke_ms[index])
        return {"above invoke": round(above_ms, 3), "invoke": round(float(invoke_ms[index]), 3), **stages}


class Rig:
    """A runtime on prepared pictures.

    Args:
        bundle: The network; its input takes bytes.
        pictures: What the camera shows.
        folder: For the journal.
    """

    def __init__(self, bundle: Bundle, pictures: Pictures, folder: Path) -> None:
        self._bundle, self._pictures, self._folder = bundle, pictures, folder
        self._interpreter = TimedInterpreter(load_interpreter(bundle.flatbuffer))

    def sort(self, objects: int, votes: int) -> dict[str, Any]:
        """Sorts objects, and gives the times to the first command byte."""
        camera = PreparedCamera(self._pictures, _FPS)
        wire = _Wire(BareNetwork(self._bundle), BareDisk(self._folder / "bare-write"), camera, self._interpreter)

        def attach(runtime: Runtime) -> None:
            runtime.times.observers.append(wire.latest_s.__setitem__)
            runtime.on_decided.append(wire.on_decided)

        with FarEnd(self._folder) as far:
            link = StampedLink(far.port)
            station = Station(camera, make_trigger(TriggerOptions(), True), LineArm(link), wire.on_completed)
            rows = self._run(station, objects, votes, attach)
        wire.disk.close()
        return {"objects": len(wire.sent), "votes": votes, "rows": rows, **wire.figures(link.stamps_s, far.stamps_s())}

    def idle(self, duration_s: float) -> dict[str, Any]:
        """Looks at an empty place, and gives the CPU time per frame."""
        camera = PreparedCamera(self._pictures, _IDLE_FPS, idle=True)
        found: dict[str, Any] = {}

        def prepare_end(runtime: Runtime) -> None:
            threading.Timer(duration_s, runtime.control.end).start()
            begun: list[tuple[float, float, int]] = []

            def keeper(_now_s: float) -> None:
                # Of a tick twice a second, this is within the loop's thread; the first second warms up.
                frames = runtime.monitor.status.camera.frames
                begun.append((time.thread_time(), time.process_time(), frames))
                if len(begun) > 3:
                    loop_s, process_s, seen = (b - a for a, b in zip(begun[2], begun[-1], strict=True))
                    found.update(frames=int(seen), loop_ms=1e3 * loop_s / seen, process_ms=1e3 * process_s / seen)

            runtime.keepers.append(keeper)

        with FarEnd(self._folder) as far:
            station = Station(camera, make_trigger(TriggerOptions(), True), LineArm(StampedLink(far.port)))
            self._run(station, None, 3, prepare_end)
        return {name: round(value, 4) for name, value in found.items()}

    def _classifier(self) -> TFLiteClassifier:
        detail = self._interpreter.get_input_details()[0]
        _, height, width, _ = (int(n) for n in detail["shape"])
        spec = self._bundle.input or InputSpec(width, height)
        return TFLiteClassifier(self._interpreter, self._bundle.labels, spec)

    def _run(self, station: Station, objects: int | None, votes: int, attach: Any) -> int:
        bins = BinMap({label: i + 1 for i, label in enumerate(self._bundle.labels)}, 0)
        path = self._folder / f"journal-{time.monotonic_ns()}.db"
        options = RuntimeOptions(bins, DecisionOptions(votes, 0.3), LoopOptions(votes=votes), objects=objects)
        with Journal(path, "benchmark", "") as journal, open_station(station, journal, bins) as name:
            runtime = Runtime(station, name, self._classifier(), journal, options)
            attach(runtime)
            runtime.run()
            return sum(journal.contents().values())


def _percentiles(values: Any) -> dict[str, float]:
    p10, p50, p90, p99 = (round(float(p), 3) for p in np.percentile(values, [10, 50, 90, 99]))
    return {"p10": p10, "p50": p50, "p90": p90, "p99": p99, "max": round(float(np.max(values)), 3)}


def measure(model: str, objects: int, idle_s: float) -> dict[str, Any]:
    """Measures everything.

    Args:
        model: File or name of a shipped network.
        objects: Objects for each number of votes.
        idle_s: Seconds of each idle measurement.

    Raises:
        BundleError: The network cannot be used.
        ConfigError: Its input is not bytes.
        StorageError: The current folder cannot be written to.
    """
    bundle, pictures = Bundle.load(find_model(model)), draw_pictures()
    reports = make_folder(Path("reports"))  # on a disk; /tmp may be memory
    with translated_storage_errors(reports):
        temporary = tempfile.TemporaryDirectory(dir=reports)
    prefer_latency()  # as sorter-run does
    with temporary as folder:
        rig = Rig(bundle, pictures, Path(folder))
        return {
            "model": bundle.path.name,
            "wire": [rig.sort(objects, votes) for votes in (1, 3)],
            "idle_frame": rig.idle(idle_s),
            "idle_process": measure_idle_process(bundle.path, pictures, Path(folder), idle_s),
        }


@click.command(cls=SorterCommand)
@click.option("--model", default="waste-mobilenetv2-int8", help="File or name of a shipped network.")
@click.option("--objects", type=click.IntRange(2), default=300, help="Objects for each number of votes.")
@click.option("--idle-s", type=click.FloatRange(2), default=20.0, help="Seconds of each idle measurement.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def edge(model: str, objects: int, idle_s: float, json_file: Path | None) -> None:
    """Measures what the edge runtime adds to the interpreter, and what it takes while nothing happens."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.files import write_json

    figures = measure(model, objects, idle_s)
    for wire in figures["wire"]:
        click.echo(
            f"{wire['objects']} objects, votes {wire['votes']}: last frame handed out to first byte read at the far end"
        )
        shown = (
            "total_ms",
            "invoke_ms",
            "on_wire_above_invoke_ms",
            "above_invoke_ms",
            "bare_invoke_ms",
            "handed_over_to_wire_ms",
            "bare_write_ms",
        )
        for name, p in {**{name: wire[name] for name in shown}, **wire["stages_ms"]}.items():
            click.echo(
                f"  {name:<24} p10 {p['p10']:8.3f}  p50 {p['p50']:8.3f}  p90 {p['p90']:8.3f}  p99 {p['p99']:8.3f}"
            )
        for slow in wire["slowest"]:
            click.echo("  slow: " + "  ".join(f"{name} {ms:.2f}" for name, ms in slow.items()))
    click.echo(f"idle frame: {figures['idle_frame']}")
    click.echo(f"idle process: {figures['idle_process']}")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})


if __name__ == "__main__":
    edge()
