"""``sorter-bench pipeline``: ever faster belts, until the sorter does not keep up."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sorter.benchmarks.conditions import Watch
from sorter.benchmarks.conveyor import Photos, PipelineOptions, run_speed
from sorter.benchmarks.pace import ARM, FATES, GAP, HALT, TIME, UNSEEN, Pace, judge_pace
from sorter.benchmarks.seen import SEEN
from sorter.bundle import Bundle
from sorter.cli import progress, warn
from sorter.errors import DatasetError

SCHEMA = 1
_VALID_OBJECTS = 30
_VALID_FPS = 0.9
_FREE_CORES = 0.15


@dataclass(frozen=True)
class Limits:
    """When a speed holds, and how speeds are tried.

    Attributes:
        most_lost: Share of objects that may be missed or doubled.
        most_drop: By how much the share of objects sorted right may lie below that of the slowest speed.
        slowest: Objects a minute to begin with.
        factor: Each speed is so many times the one before.
        fastest: The last one to try.
    """

    most_lost: float = 0.05
    most_drop: float = 0.10
    slowest: float = 30.0
    factor: float = 1.25
    fastest: float = 300.0

    def speeds(self) -> Iterator[float]:
        """Objects a minute, ever more."""
        per_minute = self.slowest
        while per_minute <= self.fastest:
            yield round(per_minute, 1)
            per_minute *= self.factor


@dataclass(frozen=True)
class Step:
    """One speed, judged.

    Attributes:
        pace: Its figures.
        broken: Why it does not hold, as sentences; none where it holds.
    """

    pace: Pace
    broken: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the sorter keeps up."""
        return not self.broken


@dataclass(frozen=True)
class Pipeline:
    """The whole report.

    Attributes:
        machine: See ``machine.describe_machine``.
        model: Name, SHA-256 and size of the model.
        data: Which photos.
        method: How it was measured.
        conditions: See ``conditions``.
        steps: The speeds, slowest first.
    """

    machine: dict[str, Any]
    model: dict[str, Any]
    data: dict[str, Any]
    method: dict[str, Any]
    conditions: dict[str, Any]
    steps: tuple[Step, ...]

    @property
    def best(self) -> Step | None:
        """The fastest speed that holds; None where not even the slowest does."""
        return next((step for step in reversed(self.steps) if step.holds), None)

    @property
    def broke(self) -> Step | None:
        """The speed that did not hold; None where all did."""
        return self.steps[-1] if self.steps and not self.steps[-1].holds else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        best = self.best
        return {
            "schema": SCHEMA,
            "kind": "pipeline",
            **{name: getattr(self, name) for name in ("machine", "model", "data", "method", "conditions")},
            "steps": [{**asdict(step.pace), "holds": step.holds, "broken": list(step.broken)} for step in self.steps],
            "last_good_per_minute": best.pace.per_minute if best else None,
            "verdict": verdict(self),
        }


def sweep(
    options: PipelineOptions, limits: Limits, photos: Photos, bundle: Bundle, machine: dict[str, Any],
    store: Callable[[Pipeline], object],
) -> Pipeline:  # fmt: skip
    """Tries one speed after the other until one does not hold.

    Args:
        options: What is sorted, and how.
        limits: When a speed holds.
        photos: What lies on the belt.
        bundle: The model, read.
        machine: See ``machine.describe_machine``.
        store: Called with the report so far after each speed.

    Raises:
        DeviceError: A program does not start, or does not end.
        DatasetError: None of the photos can be read.
    """
    watch = Watch(_own_cpu_s(), time.monotonic())
    bins = {label: i for i, label in enumerate(bundle.labels, start=1)}
    steps: list[Step] = []
    for per_minute in limits.speeds():
        pace = _measure(options, photos, bins, per_minute)
        steps.append(judge_step(pace, steps[0].pace if steps else pace, options, limits))
        watch.sample()
        found = _report(options, limits, photos, bundle, machine, steps, watch)
        store(found)
        if not steps[-1].holds:
            break
    return found


def _measure(options: PipelineOptions, photos: Photos, bins: dict[str, int], per_minute: float) -> Pace:
    with (
        tempfile.TemporaryDirectory(prefix="sorter-bench-") as folder,
        progress(f"{per_minute:g} objects a minute", options.objects) as advance,
    ):
        sitting = run_speed(options, photos, bins, per_minute, Path(folder), advance)
    pace = judge_pace(per_minute, sitting, options.move_s)
    if not pace.objects and not pace.ended:
        raise DatasetError(f"None of the photos in {photos.folder} came onto the belt.", "Check that they can be read.")
    if pace.ended:
        warn(f"At {per_minute:g} objects a minute the sorter ended: {pace.ended}")
    return pace


def judge_step(pace: Pace, slowest: Pace, options: PipelineOptions, limits: Limits) -> Step:
    """Whether a speed holds.

    Args:
        pace: Its figures.
        slowest: Those of the slowest speed.
        options: What is sorted, and how.
        limits: When a speed holds.
    """
    return Step(pace, tuple(_complaints(pace, slowest, options, limits)))


def _complaints(pace: Pace, slowest: Pace, options: PipelineOptions, limits: Limits) -> Iterator[str]:
    """Why a speed does not hold."""
    if pace.ended:
        yield f"The sorter ended by itself: {pace.ended}"
    if pace.lost > limits.most_lost:
        lost = pace.fates["missed"] + pace.fates["unfinished"]
        yield f"{lost} of {pace.objects} objects missed, {pace.doubled} doubled: {_reason(pace, slowest, options)}"
    drop = slowest.share("right") - pace.share("right")
    if drop > limits.most_drop:
        yield (
            f"{pace.share('right'):.0%} of the objects sorted right, {slowest.share('right'):.0%} at "
            f"{slowest.per_minute:g} a minute."
        )


def _reason(pace: Pace, slowest: Pace, options: PipelineOptions) -> str:
    """What kept the sorter from the objects that it lost."""
    needed = slowest.stages_ms.get("in place to first byte", {"p50": 0.0, "n": 0})
    needs = ""
    if needed["n"] >= slowest.objects / 2:
        needs = f"; at {slowest.per_minute:g} a minute the sorter takes {needed['p50']:.0f} ms to the first byte"
    texts = {
        ARM: f"came while the arm was busy with another one (a motion takes {options.move_s:g} s, and there are "
        f"{60 / pace.per_minute:.2f} s for each object)",
        GAP: "came before the place had been seen empty after the one before",
        TIME: f"left while they were being looked at (in place for {1e3 * pace.present_s:.0f} ms{needs})",
        HALT: f"came while the sorter had stopped ({' '.join(pace.troubles)})",
        UNSEEN: "were not seen by the trigger",
    }
    parts = [f"{pace.causes[cause]} {text}" for cause, text in texts.items() if pace.causes.get(cause)]
    return "; ".join(parts or ["the arm moved for objects that had gone"]) + "."


def verdict(found: Pipeline) -> list[str]:
    """What came out, as sentences."""
    best, broke = found.best, found.broke
    sentences = []
    if best:
        pace = best.pace
        sentences.append(
            f"It keeps up with {pace.per_minute:g} objects a minute: {pace.sorted_per_minute:.1f} sorted, "
            f"{pace.right_per_minute:.1f} of them right."
        )
    elif found.steps:
        sentences.append(f"It does not keep up with {found.steps[0].pace.per_minute:g} objects a minute; begin slower.")
    if broke:
        sentences.append(f"At {broke.pace.per_minute:g} it breaks. {' '.join(broke.broken)}")
    elif best:
        sentences.append("It did not break at the speeds tried.")
    return sentences


def _report(
    options: PipelineOptions, limits: Limits, photos: Photos, bundle: Bundle, machine: dict[str, Any],
    steps: Sequence[Step], watch: Watch,
) -> Pipeline:  # fmt: skip
    waited = max(step.pace.waited for step in steps)
    conditions = watch.finish(_own_cpu_s(), time.monotonic(), waited)
    conditions["warnings"] += _flags(steps, options, machine["cores"])
    conditions["warnings"] += [f"{bundle.path.name}: {SEEN}"] if photos.seen else []
    model = {"name": bundle.path.name, "sha256": bundle.sha256, "bytes": bundle.path.stat().st_size}
    data = {
        "name": photos.folder.resolve().name,
        "fingerprint": photos.fingerprint,
        "photos": photos.count,
        "labels": list(photos.labels),
    }
    method = {name: value for name, value in asdict(options).items() if name not in ("model", "labels")}
    return Pipeline(machine, model, data, {**method, **asdict(limits)}, conditions, tuple(steps))


def _flags(steps: Sequence[Step], options: PipelineOptions, cores: int) -> list[str]:
    """What speaks against the figures, beside the machine's state."""
    found = []
    fewest = min(step.pace.objects for step in steps)
    if fewest < _VALID_OBJECTS:
        found.append(f"Only {fewest} objects came at a speed: a single one is {1 / max(1, fewest):.0%} of them.")
    slow = [step.pace for step in steps if step.pace.fps < _VALID_FPS * options.fps and not step.pace.ended]
    if slow:
        worst = min(slow, key=lambda pace: pace.fps)
        found.append(
            f"The camera was to give {options.fps:g} frames a second, and {worst.fps:.1f} reached the sorter at "
            f"{worst.per_minute:g} objects a minute."
        )
    most = max(step.pace.sorter_cores + step.pace.simulation_cores for step in steps)
    if most > cores - _FREE_CORES:
        found.append(f"Sorter and simulation together took {most:.2f} of {cores} cores: they slowed each other.")
    return found


def _own_cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def fate_counts(pace: Pace) -> dict[str, int]:
    """Objects by fate, those still on their way at the end counted as missed, and the doubled ones."""
    counts = {name: pace.fates[name] for name in FATES}
    counts["missed"] += counts.pop("unfinished")
    return {**counts, "doubled": pace.doubled}
