"""What one speed of the pipeline came to. Pure code: what was found in, figures out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorter.benchmarks.conveyor import Feed, Sitting
from sorter.edge.decision import BinMap
from sorter.edge.simulation.score import fate
from sorter.edge.simulation.world import Visit
from sorter.edge.triggers.options import TriggerOptions

FATES = ("right", "wrong", "rejected", "missed", "unfinished")

STAGES = {
    "capture age": "frame received → its classification begins",
    "trigger": "the trigger's look at it, beside the network where it can",
    "prepare": "one frame prepared, its result read",
    "invoke": "the interpreter, one frame",
    "invoke x N": "the interpreter, all votes of an object",
    "decide": "votes averaged, row in the journal",
    "first byte": "command handed over → the arm has read it",
    "frame to first byte": "last frame received → the arm has read the command",
    "acknowledge": "command handed over → the arm's receipt is back",
    "in place to first byte": "the object lies in its place → the arm has read the command",
}
"""Stages in the order of the way, and what each spans."""

ARM, GAP, TIME, HALT, UNSEEN = "arm", "gap", "time", "halt", "unseen"
"""Why an object was missed: the arm was busy with another one; the place had not been seen empty after the one before;
it was still being looked at; the sorter was at fault or paused; or the trigger had not seen it."""

_CAUSES = {"sending": ARM, "moving": ARM, "clearing": GAP, "settling": TIME, "classifying": TIME}
_CAUSES |= {"fault": HALT, "paused": HALT}
"""The sorter's phase while an object lies there that it misses, and what that means."""


_SHOWN_WIDTHS = 2 * TriggerOptions().zone
"""For so many picture widths behind the line an object is shown to the network on a moving belt."""


@dataclass(frozen=True)
class Pace:
    """One speed.

    Attributes:
        per_minute: Objects that were to come in a minute.
        came_per_minute: Objects that came.
        sorted_per_minute: Objects that the arm moved to a bin.
        right_per_minute: And to the right one.
        objects: How many came.
        fates: How many of them became what (``FATES``), by the simulator's ledger.
        doubled: Objects for which the arm moved twice, and motions for no object.
        each: Fate of each object, in the order in which they came: first letters.
        stages_ms: ``p50``, ``p90``, ``p99`` in milliseconds and ``n`` for each of ``STAGES``.
        causes: Missed objects by ``ARM``, ``GAP``, ``TIME``, ``HALT``, ``UNSEEN``.
        troubles: Why the sorter was at fault or paused, if it was.
        present_s: How long the arm could reach an object.
        votes: Frames classified for an object, the mean.
        arm_busy: Share of the time in which the arm moved.
        sorter_cores: CPU time of the sorter per wall time.
        waited: Share of the time in which its loop was ready to run and had no core.
        sorter_mb: Its resident memory at the end.
        simulation_cores: CPU time of camera, platform and arm per wall time.
        fps: Frames a second that reached the sorter.
        ended: What the sorter said where it ended before its time; else empty.
    """

    per_minute: float
    came_per_minute: float
    sorted_per_minute: float
    right_per_minute: float
    objects: int
    fates: Mapping[str, int]
    doubled: int
    each: str
    stages_ms: Mapping[str, Mapping[str, float]]
    causes: Mapping[str, int]
    troubles: tuple[str, ...]
    present_s: float
    votes: float
    arm_busy: float
    sorter_cores: float
    waited: float
    sorter_mb: float
    simulation_cores: float
    fps: float
    ended: str = ""

    def share(self, fate_name: str) -> float:
        """Share of the objects with a fate; ``doubled`` is one too."""
        count = self.doubled if fate_name == "doubled" else self.fates[fate_name]
        return count / max(1, self.objects)

    @property
    def lost(self) -> float:
        """Share of objects that were missed or doubled."""
        return self.share("missed") + self.share("unfinished") + self.share("doubled")


def judge_pace(per_minute: float, sitting: Sitting, move_s: float) -> Pace:
    """Figures of one speed.

    Args:
        per_minute: Objects that were to come in a minute.
        sitting: What was found.
        move_s: Seconds that a motion takes.
    """
    truth, feed = sitting.truth, sitting.feed
    visits = [Visit(**{**visit, "bins": tuple(visit["bins"])}) for visit in truth["objects"]]
    bins = BinMap(truth["bins"], truth["reject_bin"])
    each = [fate(visit, bins) for visit in visits]
    motions = [motion for motion in truth["motion_log"] if motion["bin"] is not None]
    stages_ms = _percentiles(_times_ms(sitting, visits, motions))
    came = _rate_per_minute(visits)
    counts = {name: each.count(name) for name in FATES}
    moved = counts["right"] + counts["wrong"] + counts["rejected"]
    ways, seconds = sitting.notes["ways"], max(1e-9, sitting.duration_s)
    return Pace(
        per_minute=per_minute,
        came_per_minute=came,
        sorted_per_minute=came * moved / max(1, len(each)),
        right_per_minute=came * counts["right"] / max(1, len(each)),
        objects=len(each),
        fates=counts,
        doubled=int(truth["score"]["doubled"]),
        each="".join("j" if what == "rejected" else what[0] for what in each),
        stages_ms=stages_ms,
        causes=_causes(sitting, visits, each),
        troubles=tuple(sitting.notes["troubles"]),
        present_s=feed.present_s,
        votes=sum(way["votes"] for way in ways) / max(1, len(ways)),
        arm_busy=min(1.0, len(motions) * move_s / max(1e-9, len(each) * feed.every_s)),
        sorter_cores=sitting.sorter_cpu_s / seconds,
        waited=sitting.waited_s / seconds,
        sorter_mb=sitting.sorter_mb,
        simulation_cores=sitting.simulation_cpu_s / seconds,
        fps=sitting.notes["frames"] / seconds,
        ended=sitting.ended,
    )


def _rate_per_minute(visits: Sequence[Visit]) -> float:
    if len(visits) < 2:
        return 0.0
    return 60.0 * (len(visits) - 1) / (visits[-1].arrived_at_s - visits[0].arrived_at_s)


def _times_ms(
    sitting: Sitting, visits: Sequence[Visit], motions: Sequence[Mapping[str, Any]]
) -> dict[str, list[float]]:
    """The durations of each stage, an object each."""
    began = {motion["sequence"]: motion for motion in motions}
    by_number = {visit.number: visit for visit in visits}
    found: dict[str, list[float]] = {name: [] for name in STAGES}
    for way in sitting.notes["ways"]:
        found["capture age"].append(way["capture_age_ms"])
        found["trigger"].append(way["trigger_ms"])
        found["prepare"].append(way["prepare_ms"])
        found["invoke"].append(way["invoke_ms"])
        found["invoke x N"].append(way["invokes_ms"])
        found["decide"].append(way["decide_ms"])
        if way["acknowledge_ms"] is not None:
            found["acknowledge"].append(way["acknowledge_ms"])
        motion = began.get(way["sequence"])
        if motion is None:
            continue
        found["first byte"].append(1e3 * (motion["began_at_s"] - way["handed_at_s"]))
        found["frame to first byte"].append(1e3 * (motion["began_at_s"] - way["captured_at_s"]))
        if motion["took"]:
            in_place_s = by_number[motion["took"]].arrived_at_s + sitting.feed.slide_s
            found["in place to first byte"].append(1e3 * (motion["began_at_s"] - in_place_s))
    return found


def _percentiles(times_ms: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    summary = {}
    for name, values in times_ms.items():
        if values:
            p50, p90, p99 = (float(p) for p in np.percentile(values, [50, 90, 99]))
            summary[name] = {"p50": p50, "p90": p90, "p99": p99, "n": len(values)}
    return summary


def _causes(sitting: Sitting, visits: Sequence[Visit], each: Sequence[str]) -> dict[str, int]:
    missed = [visit for visit, what in zip(visits, each, strict=True) if what in ("missed", "unfinished")]
    return dict(Counter(_cause(visit, sitting.feed, sitting.notes["phases"]) for visit in missed))


def _cause(visit: Visit, feed: Feed, phases: Sequence[tuple[float, str]]) -> str:
    """Why an object was missed: by the phase in which the sorter was for most of the time that it lay in its place.

    On a belt that does not stop that is the moment in which it crosses the line.
    """
    begin_s = visit.arrived_at_s + feed.slide_s
    end_s = begin_s + (_SHOWN_WIDTHS * feed.slide_s if feed.moving else feed.present_s)
    spent_s = dict.fromkeys((UNSEEN, ARM, GAP, TIME, HALT), 0.0)
    ends_s = [at_s for at_s, _ in phases[1:]] + [float("inf")]
    for (since_s, phase), until_s in zip(phases, ends_s, strict=False):
        spent_s[_CAUSES.get(phase, UNSEEN)] += max(0.0, min(end_s, until_s) - max(begin_s, since_s))
    return max(spent_s, key=lambda cause: spent_s[cause])
