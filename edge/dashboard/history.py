"""What the page's plots show: the latest objects' latencies, and objects a minute."""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Any

from sorter.edge.monitor import ModelHealth, Monitor
from sorter.edge.objects import SortedObject

_LATENCIES = 120
_MINUTES = 60
_MODELS = 64


class History:
    """Listens to the monitor. Written by the loop's thread, read by others.

    Args:
        monitor: Tells which network is in use.
        clock_s: Seconds since 1970.
    """

    def __init__(self, monitor: Monitor, clock_s: Callable[[], float] = time.time) -> None:
        self._monitor, self._clock_s = monitor, clock_s
        self._lock = threading.Lock()
        self._latencies: deque[SortedObject] = deque(maxlen=_LATENCIES)
        self._minutes: Counter[int] = Counter()
        self._models: OrderedDict[int, ModelHealth] = OrderedDict()

    def on_duration(self, stage: str, duration_s: float) -> None:
        """Durations come with the objects."""

    def on_object(self, seen: SortedObject) -> None:
        """Remembers an object's latencies, its minute and its network."""
        model = self._monitor.status.model
        minute = int(self._clock_s() // 60)
        with self._lock:
            self._latencies.append(seen)
            self._minutes[minute] += 1
            for old in [m for m in self._minutes if m <= minute - _MINUTES]:
                del self._minutes[old]
            self._models[seen.row] = model
            if len(self._models) > _MODELS:
                self._models.popitem(last=False)

    def model_of(self, seen: SortedObject) -> ModelHealth:
        """The network that named an object: not the present one, where a newer file was taken since."""
        with self._lock:
            return self._models.get(seen.row) or self._monitor.status.model

    def report(self) -> dict[str, Any]:
        """Latencies in milliseconds, oldest first, and objects in each of the last 60 minutes, the present one last."""
        now = int(self._clock_s() // 60)
        with self._lock:
            seen, minutes = tuple(self._latencies), self._minutes.copy()
        latencies = [
            {
                "number": each.number,
                "classify_ms": round(each.classify_s * 1e3, 2),
                "command_ms": round(each.command_s * 1e3, 2),
                "acknowledge_ms": round(each.acknowledge_s * 1e3, 2),
            }
            for each in seen
        ]
        return {
            "latencies": latencies,
            "per_minute": [minutes[minute] for minute in range(now - _MINUTES + 1, now + 1)],
        }
