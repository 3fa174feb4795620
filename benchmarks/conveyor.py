"""One speed of the whole pipeline: a belt of real photos, ``sorter-run``, and an arm, as programs of their own."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

from sorter.benchmarks.observed import CODE
from sorter.benchmarks.rig import Platform, Program
from sorter.classifier import InputRange
from sorter.errors import ConfigError, DeviceError

Belt = Literal["steps", "moving"]

_START_S, _FIRST_S, _POLL_S = 60.0, 1.0, 0.05
_GRACES_S = (2.0, 15.0)
"""The first object comes so long after the sorter has opened its camera. Where that was too soon on a busy machine, and
the sorter took an object for the empty belt, the speed is begun anew with the next."""

_AFTER_S = 0.5
"""What the last motion may take longer than it should."""

_SLIDE_SHARE, _LONGEST_SLIDE_S = 1 / 8, 0.3
"""A belt that stops moves for at most so long, or for such a share of the time between two objects."""

_PITCH = 2.2
"""Distance of two objects on a belt that does not stop, in widths of the picture: one is in sight at a time."""

_COVER = 0.7
"""Share of the picture's sides that an object fills there: the line trigger must see the belt around it."""


@dataclass(frozen=True)
class PipelineOptions:
    """What is sorted, and how.

    Attributes:
        model: The ``.tflite``.
        labels: ``labels.txt``, for a model without labels inside.
        input_range: For foreign float models.
        threads: CPU threads of one classification.
        votes: Frames that are averaged for an object.
        belt: ``steps`` stops under the camera for each object, ``moving`` never stops.
        move_s: Seconds that a motion of the arm takes.
        fps: Frames a second of the camera.
        objects: How many come at each speed.
        seed: Of the photos' order and of everything else that is random; each speed gets the same objects.
    """

    model: Path
    labels: Path | None = None
    input_range: InputRange | None = None
    threads: int = 1
    votes: int = 3
    belt: Belt = "steps"
    move_s: float = 0.5
    fps: float = 30.0
    objects: int = 40
    seed: int = 1


@dataclass(frozen=True)
class Feed:
    """How objects come at one speed.

    Attributes:
        every_s: From one to the next.
        slide_s: From the edge of the picture into place.
        gap_s: Empty place between two of them, at least.
        moving: Whether the belt never stops.
    """

    every_s: float
    slide_s: float
    gap_s: float
    moving: bool

    @property
    def present_s(self) -> float:
        """How long the arm can reach an object that is in its place: it rests, or passes until it is out of sight."""
        return self.slide_s if self.moving else self.every_s - 2 * self.slide_s - self.gap_s


def feed_at(per_minute: float, belt: Belt) -> Feed:
    """Objects a minute as a feed.

    Raises:
        ConfigError: No belt is so fast.
    """
    if not 0.1 <= per_minute <= 1200:
        raise ConfigError(f"{per_minute:g} objects a minute are impossible.", "Choose 0.1 to 1200.")
    every_s = 60.0 / per_minute
    if belt == "moving":
        return Feed(every_s, every_s / _PITCH, 0.0, True)
    slide_s = min(_LONGEST_SLIDE_S, _SLIDE_SHARE * every_s)
    return Feed(every_s, slide_s, slide_s, False)


@dataclass(frozen=True)
class Photos:
    """Which photos lie on the belt.

    Attributes:
        folder: Their data set.
        labels: Their classes.
        count: How many there are.
        fingerprint: Of their names, labels and contents.
        split_csv: Of the run whose test part is used.
        subset: Only this part of the data set; empty for all.
        seen: Whether the network was trained on some of them.
    """

    folder: Path
    labels: tuple[str, ...]
    count: int
    fingerprint: str
    split_csv: Path | None = None
    subset: str = ""
    seen: bool = False


@dataclass(frozen=True)
class Sitting:
    """What was found at one speed, unjudged.

    Attributes:
        feed: How objects came.
        truth: As ``sorter-sim platform --truth`` writes it.
        notes: As ``observed`` writes them.
        duration_s: For how long the sorter was watched.
        sorter_cpu_s: CPU time that it took meanwhile.
        waited_s: How long its loop was ready to run and had no core.
        sorter_mb: Its resident memory at the end.
        simulation_cpu_s: CPU time of platform, camera and arm meanwhile.
        ended: What the sorter said where it ended before its time; else empty.
    """

    feed: Feed
    truth: Mapping[str, Any]
    notes: Mapping[str, Any]
    duration_s: float
    sorter_cpu_s: float
    waited_s: float
    sorter_mb: float
    simulation_cpu_s: float
    ended: str = ""


def run_speed(
    options: PipelineOptions, photos: Photos, bins: Mapping[str, int], per_minute: float, folder: Path,
    tell: Callable[[int], object],
) -> Sitting:  # fmt: skip
    """Sorts at one speed.

    Args:
        options: What and how.
        photos: What lies on the belt.
        bins: Bin of each label of the model.
        per_minute: Objects that come in a minute.
        folder: For journal, truth and logs.
        tell: Called with the number of objects that should have come by now.

    Raises:
        DeviceError: Platform or sorter does not start, or does not come to an end.
    """
    for grace_s in _GRACES_S:
        sitting = _run_once(options, photos, bins, feed_at(per_minute, options.belt), folder, grace_s, tell)
        began_at_s = sitting.notes["began_at_s"]
        if (
            began_at_s is not None
            and sitting.truth["objects"]
            and began_at_s > sitting.truth["objects"][0]["arrived_at_s"]
        ):
            continue
        return sitting
    raise DeviceError("The sorter did not see the empty belt before the first object came.", "The machine is too busy.")


def _run_once(
    options: PipelineOptions, photos: Photos, bins: Mapping[str, int], feed: Feed, folder: Path, grace_s: float,
    tell: Callable[[int], object],
) -> Sitting:  # fmt: skip
    for file in folder.iterdir():
        file.unlink()
    assigned = _assignments({label: bins[label] for label in photos.labels})
    camera, arm = _camera(options, photos, feed), f"sim:?move_s={options.move_s}&bins={max(bins.values()) + 1}"
    platform = Platform(camera, arm, folder, "--grace", str(grace_s), *assigned)
    notes = folder / "notes.json"
    with platform:
        sorter = Program(CODE, [str(notes), *_sorter_arguments(options, platform, bins, folder)], folder / "sorter.log")
        try:
            _wait_until_ready(sorter)
            before = _spent(sorter, platform)
            ended = _wait_until_finished(platform, sorter, feed, options.objects, grace_s, tell)
            # Of a program that has ended nothing can be asked.
            spent = [0.0] * 4 if ended else [b - a for a, b in zip(before, _spent(sorter, platform), strict=True)]
            memory_mb = 0.0 if ended else sorter.resident_mb()
            time.sleep(options.move_s + _AFTER_S)
        finally:
            sorter.end()
        truth = platform.truth()
    content = (
        json.loads(notes.read_text())
        if notes.is_file()
        else {"ways": [], "phases": [], "troubles": [], "began_at_s": None, "frames": 0}
    )
    duration_s, sorter_s, waited_s, simulation_s = spent
    return Sitting(feed, truth, content, duration_s, sorter_s, waited_s, memory_mb, simulation_s, ended)


def _spent(sorter: Program, platform: Platform) -> tuple[float, float, float, float]:
    """Time so far: on the clock, of the sorter on a core, of its loop waiting for one, of the simulation on a core."""
    return time.monotonic(), sorter.cpu_s(), sorter.waited_s(), platform.program.cpu_s()


def _camera(options: PipelineOptions, photos: Photos, feed: Feed) -> str:
    given: dict[str, Any] = {
        "objects": options.objects,
        "seed": options.seed,
        "fps": options.fps,
        "every_s": feed.every_s,
        "arrive_s": feed.slide_s,
        "empty_s": feed.gap_s,
        # Longer than the platform takes to notice that somebody watches.
        "first_s": _FIRST_S,
    }
    if feed.moving:
        given |= {"moving": 1, "cover": _COVER}
    if photos.subset:
        given["subset"] = photos.subset
    if photos.split_csv is not None:
        given["split"] = photos.split_csv
    return f"sim:{quote(str(photos.folder))}?{urlencode(given)}"


def _assignments(bins: Mapping[str, int]) -> list[str]:
    return [word for label, number in bins.items() for word in ("--bin", f"{label}={number}")]


def _sorter_arguments(options: PipelineOptions, platform: Platform, bins: Mapping[str, int], folder: Path) -> list[str]:
    arguments: dict[str, object] = {
        "camera": platform.url,
        "port": platform.port,
        "model": options.model,
        "journal": folder / "journal.db",
        "votes": options.votes,
        "threads": options.threads,
        "on-fault": "recover",
    }
    if options.belt == "moving":
        arguments |= {"trigger": "line", "trigger-direction": "right"}
    if options.labels is not None:
        arguments["labels"] = options.labels
    if options.input_range is not None:
        arguments["input-range"] = options.input_range
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    return [*words, *_assignments(bins)]


def _wait_until_ready(sorter: Program) -> None:
    deadline_s = time.monotonic() + _START_S
    while "Rejected below" not in (said := sorter.said()):
        if not sorter.running or time.monotonic() > deadline_s:
            raise DeviceError(f"The sorter does not start: {_last_words(said)}")
        time.sleep(_POLL_S)


def _wait_until_finished(
    platform: Platform, sorter: Program, feed: Feed, objects: int, grace_s: float, tell: Callable[[int], object]
) -> str:
    """Waits until the last object has gone; what the sorter said where it ended before that, else nothing."""
    started_s, told = time.monotonic(), 0
    expected_s = _FIRST_S + grace_s + objects * feed.every_s
    while True:
        time.sleep(_POLL_S)
        passed_s = time.monotonic() - started_s
        if not sorter.running:
            return _last_words(sorter.said())
        came = min(objects, max(told, int((passed_s - _FIRST_S - grace_s) / feed.every_s)))
        tell(came - told)
        told = came
        if passed_s > expected_s and platform.truth()["finished"]:
            return ""
        if passed_s > 2 * expected_s + _START_S:
            raise DeviceError("The simulated platform does not come to an end.", "The machine may be far too busy.")


def _last_words(said: str) -> str:
    lines = said.strip().splitlines() or ["it said nothing."]
    return next((line for line in reversed(lines) if line.startswith("Error: ")), lines[-1])
