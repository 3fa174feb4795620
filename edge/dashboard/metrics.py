"""``/metrics`` for Prometheus: base units, counters that end in ``_total``, histograms instead of averages."""

import time
from collections.abc import Iterator
from typing import Final, get_args

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from sorter._version import __version__
from sorter.edge.arms.arm import ArmState
from sorter.edge.cameras.health import CameraState
from sorter.edge.loop import Phase
from sorter.edge.monitor import Monitor, Status
from sorter.edge.objects import COMPLETED, FAILED, UNKNOWN, SortedObject

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FAST_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
_SLOW_S = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0)

_HISTOGRAMS = {
    "classify": ("sorter_inference_duration_seconds", "One frame prepared and classified.", _FAST_S),
    "frame to command": (
        "sorter_command_latency_seconds",
        "From the last frame taken by the camera to the command handed to the arm.",
        _FAST_S,
    ),
    "acknowledge": ("sorter_acknowledge_duration_seconds", "From the command to the arm's receipt.", _FAST_S),
    "move": ("sorter_motion_duration_seconds", "From the arm's receipt to the end of the motion.", _SLOW_S),
}
"""By stage of ``sorter.edge.statistics.STAGES``."""


class Metrics:
    """Listens to the monitor for histograms, and reads the rest from its status when asked.

    Args:
        monitor: The running sorter.
    """

    def __init__(self, monitor: Monitor) -> None:
        # They would double the answer's length, and say only when this program was started.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry(auto_describe=False)
        self._histograms = {
            stage: Histogram(name, text, buckets=buckets, registry=self._registry)
            for stage, (name, text, buckets) in _HISTOGRAMS.items()
        }
        self._objects = Counter(
            "sorter_objects", "Objects whose command has ended.", ("bin", "label"), registry=self._registry
        )
        self._registry.register(_StatusCollector(monitor))
        ProcessCollector(registry=self._registry)

    def on_duration(self, stage: str, duration_s: float) -> None:
        """Adds a duration to its histogram, where it has one."""
        if (histogram := self._histograms.get(stage)) is not None:
            histogram.observe(duration_s)

    def on_object(self, seen: SortedObject) -> None:
        """Counts an object."""
        self._objects.labels(str(seen.decision.bin), seen.decision.label).inc()

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)


class _StatusCollector(Collector):
    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def collect(self) -> Iterator[Metric]:
        status = self._monitor.status
        yield from _counters(status)
        yield from _states(status)
        yield from _gauges(status, time.monotonic())
        yield InfoMetricFamily("sorter_build", "This program.", {"version": __version__})
        model = {"sha256": status.model.sha256, "name": status.model.name}
        yield InfoMetricFamily("sorter_model", "The network in use.", model)


def _counters(status: Status) -> Iterator[Metric]:
    results = CounterMetricFamily("sorter_commands", "Commands by how they ended.", labels=["result"])
    for result in (COMPLETED, FAILED, UNKNOWN):
        results.add_metric([result], status.outcomes.get(result, 0))
    yield results
    camera, arm = status.camera, status.arm
    for name, text, value in (
        ("sorter_rejected", "Objects that went to the reject bin.", status.rejected),
        ("sorter_missed_objects", "Objects that came and went while the arm was busy.", status.missed),
        ("sorter_stale_frames", "Frames not classified because they were too old.", status.stale_frames),
        ("sorter_serial_resends", "Lines sent to the arm again because no answer came.", arm.resends),
        ("sorter_serial_damaged_lines", "Lines from the arm that could not be read.", arm.damaged_lines),
        ("sorter_arm_reconnects", "How often the arm's port was opened again.", arm.reconnected),
        ("sorter_camera_frames", "Good frames from the camera.", camera.frames),
        ("sorter_camera_dropped_frames", "Frames replaced by newer ones unseen.", camera.dropped),
        ("sorter_camera_reopens", "How often the camera was opened again.", camera.reopened),
    ):
        yield CounterMetricFamily(name, text, value)


def _states(status: Status) -> Iterator[Metric]:
    """One series for each state, 1 for the present one, so that absence and change can be alerted on."""
    for name, text, label, known, present in (
        ("sorter_phase", "Where the loop stands.", "phase", tuple(p.value for p in Phase), status.phase.value),
        ("sorter_camera_state", "How the camera is doing.", "state", get_args(CameraState), status.camera.state),
        ("sorter_arm_state", "How the arm is doing.", "state", (*get_args(ArmState), "LOST"), status.arm.state),
    ):
        family = GaugeMetricFamily(name, text, labels=[label])
        for state in known:
            family.add_metric([state.lower()], float(state == present))
        yield family


def _gauges(status: Status, now_s: float) -> Iterator[Metric]:
    camera = status.camera
    yield GaugeMetricFamily("sorter_camera_up", "1 while the camera delivers.", float(camera.state == "ok"))
    yield GaugeMetricFamily("sorter_camera_fps", "Frames a second.", camera.fps)
    if camera.frame_at_s is not None:
        age_s = max(0.0, now_s - camera.frame_at_s)
        yield GaugeMetricFamily("sorter_frame_age_seconds", "Age of the newest good frame.", age_s)
    held = GaugeMetricFamily("sorter_bin_objects", "Objects in a bin since it was emptied.", labels=["bin"])
    full = GaugeMetricFamily("sorter_bin_full", "1 for a bin that holds as much as it may.", labels=["bin"])
    for number in sorted({status.reject_bin, *status.bins.values(), *status.contents}):
        held.add_metric([str(number)], status.contents.get(number, 0))
        full.add_metric([str(number)], float(number in status.full))
    yield held
    yield full
    yield GaugeMetricFamily("sorter_start_time_seconds", "When it was started, since 1970.", status.started_at)
