"""``sorter-run`` as users start it, with a note of every object's way beside it: for a process of its own."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sorter.edge.cameras.camera import Frame
from sorter.edge.loop import Phase
from sorter.edge.objects import SortedObject
from sorter.edge.runtime import Runtime
from sorter.files import write_json

CODE = "import sys; from sorter.benchmarks.observed import run_observed; run_observed(sys.argv[1], sys.argv[2:])"
"""Runs ``sorter-run``; the first argument is the file for the notes, the others are its own."""


@dataclass
class Way:
    """The way of one object. Times are of the deciding frame, the last of its votes.

    Attributes:
        sequence: Number of its command.
        votes: Frames that were classified for it, also those of a look that had to begin anew.
        captured_at_s: When the sorter had the frame from the camera, on the clock of ``time.monotonic``.
        handed_at_s: When the command was handed to the arm's driver, on that clock.
        capture_age_ms: Until its classification began.
        trigger_ms: The trigger's look at it.
        prepare_ms: Preparing it and reading out the result.
        invoke_ms: The interpreter's ``invoke``.
        invokes_ms: That of all votes together.
        decide_ms: Decision and row in the journal.
        acknowledge_ms: From handing the command over to the arm's receipt; None where none came.
    """

    sequence: int
    votes: int
    captured_at_s: float
    handed_at_s: float
    capture_age_ms: float
    trigger_ms: float
    prepare_ms: float
    invoke_ms: float
    invokes_ms: float
    decide_ms: float
    acknowledge_ms: float | None = None


class Notes:
    """Listens to a runtime.

    Args:
        runtime: Before it runs.
        invokes_s: Grows by the time of each ``invoke``.
    """

    def __init__(self, runtime: Runtime, invokes_s: list[float]) -> None:
        self._runtime, self._invokes_s = runtime, invokes_s
        self._latest_s: dict[str, float] = {}
        self._votes_s: list[float] = []
        self._ways: dict[int, Way] = {}
        self._phases: list[tuple[float, str]] = []
        self._troubles: dict[str, None] = {}
        self._began_at_s: float | None = None
        self._update = runtime.monitor.update
        vars(runtime.monitor)["update"] = self._on_update
        runtime.times.observers.append(self._on_stage)
        runtime.on_decided.append(self._on_decided)
        runtime.flights.observers.append(self._on_landed)

    def as_dict(self) -> dict[str, Any]:
        """Everything noted, for JSON."""
        status = self._runtime.monitor.status
        return {
            "ways": [asdict(way) for way in self._ways.values()],
            "phases": self._phases,
            "began_at_s": self._began_at_s,
            "troubles": list(self._troubles),
            "frames": status.camera.frames,
        }

    def _on_update(self, **changes: Any) -> None:
        if "phase" in changes:
            self._phases.append((time.monotonic(), changes["phase"].value))
            if changes["phase"] in (Phase.FAULT, Phase.PAUSED):
                self._troubles[changes["reason"]] = None
        self._update(**changes)

    def _on_stage(self, stage: str, duration_s: float) -> None:
        if self._began_at_s is None:
            self._began_at_s = time.monotonic()
        self._latest_s[stage] = duration_s
        if stage == "classify":
            self._votes_s.append(self._invokes_s[-1])

    def _on_decided(self, seen: SortedObject, frame: Frame) -> None:
        latest_s, votes_s = self._latest_s, self._votes_s
        self._ways[seen.sequence] = Way(
            seen.sequence,
            len(votes_s),
            frame.captured_at_s,
            frame.captured_at_s + seen.command_s,
            1e3 * latest_s["capture age"],
            1e3 * latest_s["trigger"],
            1e3 * (latest_s["classify"] - votes_s[-1]),
            1e3 * votes_s[-1],
            1e3 * sum(votes_s),
            1e3 * latest_s["decide"],
        )
        votes_s.clear()

    def _on_landed(self, seen: SortedObject) -> None:
        way = self._ways.get(seen.sequence)
        if way is not None and seen.acknowledge_s:
            way.acknowledge_ms = 1e3 * seen.acknowledge_s


def run_observed(file: str, arguments: list[str]) -> None:
    """Runs ``sorter-run`` and, when it ends, writes the notes.

    Args:
        file: Where to.
        arguments: Of ``sorter-run``.
    """
    from sorter import classifier
    from sorter.benchmarks.probes import TimedInterpreter
    from sorter.edge import assembly
    from sorter.edge.cli import run
    from sorter.interpreter import load_interpreter

    assemble = assembly.assemble
    invokes_s: list[float] = []

    def load(*given: Any) -> Any:
        return TimedInterpreter(load_interpreter(*given), invokes_s)

    @contextmanager
    def assemble_observed(*given: Any) -> Iterator[assembly.Sorter]:
        with assemble(*given) as sorter:
            invokes_s.clear()
            notes = Notes(sorter.runtime, invokes_s)
            try:
                yield sorter
            finally:
                write_json(Path(file), notes.as_dict())

    vars(classifier)["load_interpreter"] = load
    vars(assembly)["assemble"] = assemble_observed
    run(arguments)
