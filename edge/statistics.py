"""Latencies of each stage, and their percentiles."""

from collections import defaultdict, deque
from collections.abc import Callable

import numpy as np

STAGES = {
    "capture age": "frame taken by the camera → its classification begins",
    "trigger": "one frame looked at",
    "classify": "one frame prepared and classified",
    "decide": "votes averaged, journal written",
    "frame to command": "last frame taken by the camera → command handed to the arm",
    "acknowledge": "command handed to the arm → receipt acknowledged",
    "move": "receipt acknowledged → motion completed",
}
"""Name of each stage, in the order of the path, and what it spans."""

_KEPT = 5_000
"""The latest durations kept per stage, so that months of running need no more memory."""


class StageTimes:
    """Collects durations by stage. Used by one thread.

    Attributes:
        observers: Called with each stage and duration in seconds.
    """

    def __init__(self) -> None:
        self._durations_ms: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
        self.observers: list[Callable[[str, float], None]] = []

    def add(self, stage: str, duration_s: float) -> None:
        """Adds one duration, in seconds, to one of ``STAGES``."""
        self._durations_ms[stage].append(duration_s * 1e3)
        for observer in self.observers:
            observer(stage, duration_s)

    def percentiles(self) -> dict[str, dict[str, float]]:
        """``p50``, ``p90``, ``p99`` in milliseconds and ``n`` for each stage that has durations."""
        summary = {}
        for stage in STAGES:
            durations = self._durations_ms.get(stage)
            if durations:
                p50, p90, p99 = np.percentile(durations, [50, 90, 99])
                summary[stage] = {"p50": float(p50), "p90": float(p90), "p99": float(p99), "n": len(durations)}
        return summary
