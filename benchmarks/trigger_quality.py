"""Counts what the motion trigger gets wrong: ``python -m sorter.benchmarks.trigger_quality --data PHOTOS``.

PHOTOS holds ``trashnet`` and ``flowers``. False triggers are counted on empty grounds under every disturbance; missed,
doubled and miscounted objects on rendered fruits and real photographs. An object counts as sorted as often as the
edge loop would send a command for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from sorter.benchmarks.disturbances import DISTURBANCES, Disturbance, Sensor
from sorter.benchmarks.trigger_scenes import (
    SIZE,
    Scene,
    cards,
    fruit_pairs,
    fruits,
    full_photos,
    grounds,
    small_things,
    touching_pairs,
    waste_on_white,
)
from sorter.cli import SorterCommand
from sorter.edge import events, loop
from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.trigger import Observation
from sorter.image import Pixels

_FPS = 30.0
_BURST = 10
_EMPTY_FRAMES, _REST_FRAMES = 20, 24


class PromptLoop:
    """The edge loop with an arm that is done at once.

    Attributes:
        commands: For each command the number of objects it was sent for.
    """

    def __init__(self) -> None:
        self._state, self._options = loop.LoopState(), loop.LoopOptions()
        self.commands: list[int] = []

    def feed(self, seen: Observation, now_s: float) -> None:
        """Feeds one observation, and answers whatever the loop wants."""
        for action in self._step(events.FrameSeen(seen), now_s):
            if isinstance(action, events.Classify):
                for wanted in self._step(events.FrameClassified(np.ones(1, np.float32)), now_s):
                    assert isinstance(wanted, events.Send)
                    self.commands.append(wanted.objects)
                    self._step(events.CommandAcknowledged(), now_s)
                    self._step(events.CommandCompleted(), now_s)

    def _step(self, event: events.Event, now_s: float) -> tuple[events.Action, ...]:
        self._state, actions = loop.step(self._state, event, now_s, self._options)
        return actions


def count_false_triggers(disturbance: Disturbance, seconds: float, fps: float, places: int) -> Counter[str]:
    """Looks at empty grounds, in bursts at the camera's rate, so that beats and motion look as they do in life.

    Returns:
        How many frames there were, in how many the trigger reported trouble or saw something, and how many commands
        were sent, which are all false.
    """
    counts: Counter[str] = Counter()
    for ground, _ in grounds(places):
        trigger, sensor, sorting = MotionTrigger(), Sensor(ground.shape), PromptLoop()
        for number in range(int(seconds * fps)):
            now_s = number // _BURST * (_BURST / fps) + number % _BURST / _FPS
            picture = sensor.expose(ground, disturbance(now_s, ground.shape))
            seen = trigger.observe(Frame(picture, now_s, number))
            sorting.feed(seen, now_s)
            counts["frames"] += 1
            counts["trouble"] += bool(seen.trouble)
            counts["occupied"] += seen.occupied and not seen.trouble
        counts["false triggers"] += len(sorting.commands)
    return counts


def judge_objects(scenes: Iterable[Scene], disturbance: Disturbance) -> tuple[Counter[str], list[str]]:
    """Counts which objects were sorted once, never, twice, or with a wrong count; and describes those gone wrong."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for number, scene in enumerate(scenes):
        commands, left_empty = _sort(scene, disturbance, 7.0 * number)
        verdict = _verdict(scene, commands)
        counts["scenes"] += 1
        counts[verdict] += 1
        counts["not empty afterwards"] += not left_empty
        if verdict != "right" or not left_empty:
            wrong.append(f"{scene.name}: {verdict} {commands}{'' if left_empty else ', still occupied'}")
    return counts, wrong


def _verdict(scene: Scene, commands: list[int]) -> str:
    if not commands:
        return "missed"
    if len(commands) > 1:
        return "doubled"
    if commands[0] == scene.objects:
        return "right"
    return "one counted as more" if scene.objects == 1 else "more counted as one"


def _sort(scene: Scene, disturbance: Disturbance, started_s: float) -> tuple[list[int], bool]:
    trigger, sensor, sorting = MotionTrigger(), Sensor(scene.ground.shape), PromptLoop()
    occupied = True
    for number, picture in enumerate(_film(scene)):
        now_s = started_s + number / _FPS
        exposed = sensor.expose(picture, disturbance(now_s, picture.shape))
        seen = trigger.observe(Frame(exposed, now_s, number))
        sorting.feed(seen, now_s)
        occupied = seen.occupied
    return sorting.commands, not occupied


def _film(scene: Scene) -> Iterator[Pixels]:
    yield from [scene.ground] * _EMPTY_FRAMES
    yield from scene.coming
    yield from [scene.coming[-1]] * _REST_FRAMES
    yield from reversed(scene.coming)
    yield from [scene.ground] * _EMPTY_FRAMES


def kinds_of_scenes(data: Path | None, count: int, seed: int = 0) -> dict[str, Callable[[], Iterator[Scene]]]:
    """Every kind of object that there is material for; other seeds give other scenes."""
    fewer = max(1, count // 4)
    first, second, third = seed + 5, seed + 7, seed + 9
    kinds: dict[str, Callable[[], Iterator[Scene]]] = {
        "rendered fruits": lambda: fruits(count, first),
        "discs of 1.2 %, 30 bytes": lambda: small_things(fewer, 30, first),
        "discs of 1.2 %, 20 bytes": lambda: small_things(fewer, 20, first),
        "fruit pairs, gap 8 %": lambda: fruit_pairs(fewer, round(0.08 * SIZE[1]), second),
        "fruit pairs, gap 2 %": lambda: fruit_pairs(fewer, round(0.02 * SIZE[1]), second),
        "fruit pairs, touching": lambda: fruit_pairs(count, -4, second),
        "touching fruits, two kinds": lambda: touching_pairs(count, False, third),
        "touching fruits, one kind": lambda: touching_pairs(count, True, third),
    }
    if data is not None:
        kinds |= {
            "waste on a white board": lambda: waste_on_white(data / "trashnet", count, first),
            "photo cards": lambda: cards(data / "flowers", count, first),
            "photos that fill the frame": lambda: full_photos(data / "trashnet", count, first),
            "card pairs, gap 8 %": lambda: cards(data / "flowers", fewer, seed + 6, 2, round(0.08 * SIZE[1])),
        }
    return kinds


@click.command(cls=SorterCommand)
@click.option("--data", type=click.Path(path_type=Path), help="Folder with trashnet and flowers.")
@click.option("--count", type=click.IntRange(4), default=300, help="Objects of each kind.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Other seeds give other objects.")
@click.option("--seconds", type=click.FloatRange(0), default=600.0, help="Length of each empty sequence.")
@click.option("--fps", type=click.FloatRange(0.1), default=3.0, help="Frames looked at a second, in bursts.")
@click.option("--places", type=click.IntRange(1), default=6, help="Grounds for each disturbance.")
@click.option("--only", default="", help="Only what has this in its name.")
@click.option("--under", default="steady", help="Disturbance while objects come; 'all' for each of them.")
@click.option("--verbose", is_flag=True, help="Name what went wrong.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def trigger_quality(
    data: Path | None,
    count: int,
    seed: int,
    seconds: float,
    fps: float,
    places: int,
    only: str,
    under: str,
    verbose: bool,
    json_file: Path | None,
) -> None:
    """Counts false triggers, and missed, doubled and miscounted objects."""
    from sorter.files import write_json

    figures: dict[str, Any] = {"empty": {}, "objects": {}}
    for name, disturbance in DISTURBANCES.items():
        if seconds and only in name:
            counts = count_false_triggers(disturbance, seconds, fps, places)
            figures["empty"][name] = dict(counts)
            click.echo(f"{f'empty, {name}':<46} {_line(counts)}")
    disturbances = DISTURBANCES if under == "all" else {under: DISTURBANCES[under]}
    for kind, make in kinds_of_scenes(data, count, seed).items():
        for name, disturbance in disturbances.items():
            if only in kind:
                counts, wrong = judge_objects(make(), disturbance)
                figures["objects"][f"{kind}; {name}"] = dict(counts)
                click.echo(f"{f'{kind}; {name}':<46} {_line(counts)}")
                for text in wrong if verbose else ():
                    click.echo(f"    {text}")
    if json_file:
        write_json(json_file, figures)


def _line(counts: Counter[str]) -> str:
    return "  ".join(f"{name} {number}" for name, number in counts.items())


if __name__ == "__main__":
    trigger_quality()
