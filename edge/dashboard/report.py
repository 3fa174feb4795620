"""The sorter's state as JSON; ``docs/dashboard.md`` describes every field."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sorter.edge.dashboard.advice import advise
from sorter.edge.health import assess
from sorter.edge.monitor import Status, View
from sorter.edge.objects import SortedObject

LIKELIEST = 3
"""Classes told of each object, the most probable first."""


def report_status(status: Status, view: View | None, now_s: float) -> dict[str, Any]:
    """Everything but the objects; ``now_s`` is on the clock of ``time.monotonic``."""
    troubles = assess(status, now_s)
    return {
        "run": status.started_at,
        "phase": status.phase.value,
        "reason": status.reason,
        "advice": asdict(advise(status, troubles)),
        "troubles": troubles,
        "warnings": status.warnings,
        "view": report_view(view),
        "camera": _report_camera(status, now_s),
        "arm": _report_arm(status, now_s),
        "model": asdict(status.model),
        "bins": report_bins(status),
        "totals": {
            "sorted": status.sorted_objects,
            "rejected": status.rejected,
            "missed": status.missed,
            "stale_frames": status.stale_frames,
            "outcomes": dict(status.outcomes),
        },
        "trigger": status.trigger,
        "newest_row": status.recent[0].row if status.recent else None,
    }


def report_view(view: View | None) -> dict[str, Any] | None:
    """What lies in front of the camera; None before the first frame."""
    if view is None:
        return None
    seen = view.observation
    return {
        "occupied": seen.occupied,
        "moving": seen.moving,
        "objects": seen.objects,
        "trouble": seen.trouble,
        "label": view.label,
        "probability": round(view.probability, 4),
    }


def report_bins(status: Status) -> list[dict[str, Any]]:
    """Each bin with its labels and what it holds."""
    numbers = {status.reject_bin, *status.bins.values(), *status.contents}
    return [
        {
            "bin": number,
            "labels": [label for label, bin_number in status.bins.items() if bin_number == number],
            "reject": number == status.reject_bin,
            "objects": status.contents.get(number, 0),
            "full": number in status.full,
        }
        for number in sorted(numbers)
    ]


def report_object(seen: SortedObject, labels: tuple[str, ...], corrected: Mapping[int, str]) -> dict[str, Any]:
    """One object.

    Args:
        seen: The object.
        labels: Of the network that named it, in the order of the probabilities.
        corrected: Labels that a person gave, by journal row.
    """
    decision = seen.decision
    ranked = sorted(zip(decision.probabilities, labels, strict=False), reverse=True)[:LIKELIEST]
    return {
        "number": seen.number,
        "row": seen.row,
        "name": seen.name,
        "label": decision.label,
        "probability": round(decision.probability, 4),
        "likeliest": [{"label": label, "probability": round(probability, 4)} for probability, label in ranked],
        "bin": decision.bin,
        "rejected": decision.rejected,
        "outcome": seen.outcome,
        "decided_at": seen.decided_at,
        "classify_ms": round(seen.classify_s * 1e3, 2),
        "command_ms": round(seen.command_s * 1e3, 2),
        "acknowledge_ms": round(seen.acknowledge_s * 1e3, 2),
        "move_ms": round(seen.move_s * 1e3, 2),
        "corrected": corrected.get(seen.row),
    }


def _report_camera(status: Status, now_s: float) -> dict[str, Any]:
    camera = status.camera
    return {
        "state": camera.state,
        "reason": camera.reason,
        "width": camera.size[0],
        "height": camera.size[1],
        "fps": round(camera.fps, 1),
        "frames": camera.frames,
        "dropped": camera.dropped,
        "reopened": camera.reopened,
        "frame_age_s": _age(camera.frame_at_s, now_s),
        "settings": dict(camera.settings),
    }


def _report_arm(status: Status, now_s: float) -> dict[str, Any]:
    arm = status.arm
    return {
        "name": arm.name,
        "state": arm.state,
        "reason": arm.reason,
        "resends": arm.resends,
        "damaged_lines": arm.damaged_lines,
        "reconnected": arm.reconnected,
        "heard_s": _age(arm.heard_at_s, now_s),
    }


def _age(moment_s: float | None, now_s: float) -> float | None:
    return None if moment_s is None else round(max(0.0, now_s - moment_s), 3)
