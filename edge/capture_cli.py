"""``sorter-capture``: photos for training, with the camera and the trigger of the run.

Heavy imports live inside the command, so that ``--help`` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sorter.cli import SorterCommand, inform, json_option, print_json
from sorter.edge.configuration import Settings, read_settings
from sorter.edge.setting_options import given_settings, help_all_option, some_setting_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorter.edge.cameras.camera import Camera
    from sorter.edge.photographer import Photo, PhotoFormat
    from sorter.edge.shutters import Burst, Shutter
    from sorter.edge.simulation.world import World
    from sorter.edge.triggers.trigger import Trigger

_AUTO = "auto"


@click.command(cls=SorterCommand)
@click.option("--label", required=True, help="What is being photographed; 'auto' for what sim: lays down.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Data set; gets one folder a label.")
@click.option("--count", type=click.IntRange(1), help="End after so many photos.  [until Ctrl-C]")
@click.option("--every", type=click.FloatRange(0.05), help="Seconds from photo to photo, instead of a trigger.")
@click.option("--key", is_flag=True, help="A photo for each press of Enter, instead of a trigger.")
@click.option("--burst", type=click.IntRange(1, 99), default=1, help="Photos of each object.")
@click.option("--burst-every", type=click.FloatRange(0), default=0.5, help="Seconds between the photos of a burst.")
@click.option("--format", "file_format", type=click.Choice(["jpg", "png"]), default="jpg", help="File format.")
@click.option("--config", type=click.Path(path_type=Path), help="The run's TOML file: the same camera and trigger.")
@some_setting_options(lambda key: key.section in ("camera", "trigger") or key.path == "decision.settle_s")
@help_all_option
@json_option
@click.pass_context
def capture(
    context: click.Context,
    label: str,
    out: Path,
    count: int | None,
    every: float | None,
    key: bool,
    burst: int,
    burst_every: float,
    file_format: "PhotoFormat",
    config: Path | None,
    as_json: bool,
) -> None:
    """Takes photos for training: each time an object has come to rest, one photo.

    Lay an object down, wait for its line, take it away, lay down the next. Photos are added to OUT/LABEL; existing
    files are never touched. Ctrl-C ends it.

    \b
    Under the sorter's own camera:  sorter-capture --camera 0 --label apple --out photos
    Exactly as the sorter sees:     sorter-capture --config sorter.toml --label apple --out photos
    Five views, turned by hand:     sorter-capture --camera 0 --label apple --out photos --burst 5 --burst-every 2
    Nothing plugged in:             sorter-capture --camera sim: --label auto --out photos --count 20
    """  # noqa: D301 - the backspace is click's mark for a paragraph that keeps its lines
    from sorter.edge.photographer import Album, take_photos
    from sorter.edge.shutters import Burst
    from sorter.files import make_folder

    settings = read_settings(config, given_settings(context))
    if not settings.camera.source:
        raise click.UsageError("Missing option '--camera' (in a configuration file: source in [camera]).")
    wish = _Wish(every, key or settings.trigger.kind == "key", settings.decision.settle_s, Burst(burst, burst_every))
    _check_label(label, settings.camera.source, wish)
    scene = _make_scene(settings)
    shutter = _make_shutter(scene, wish)
    make_folder(out)
    world = scene.world
    album = Album(out, (lambda: world.ledger[-1].label) if world and label == _AUTO else lambda: label, file_format)
    show = _show_quietly if as_json else _show
    with scene.camera:
        inform(f"Photos from {scene.camera.name} go to {out}. {_instruction(scene, wish)}")
        try:
            take_photos(scene.camera, shutter, album, _then_clear(show, world), count, settings.camera)
        finally:
            _show_summary(album.as_json(), as_json)


@dataclass(frozen=True)
class _Wish:
    """When the user wants photos."""

    every_s: float | None
    key: bool
    settle_s: float
    burst: "Burst"

    @property
    def settled(self) -> bool:
        return self.every_s is None and not self.key


@dataclass(frozen=True)
class _Scene:
    """The same camera and trigger that ``sorter.edge.station`` gives the run, and no arm."""

    camera: "Camera"
    trigger: "Trigger"
    world: "World | None" = None


def _make_scene(settings: Settings) -> _Scene:
    from sorter.edge.cameras.uri import make_camera
    from sorter.edge.cameras.view import view_camera
    from sorter.edge.triggers.kinds import make_trigger
    from sorter.edge.triggers.trigger import LearningTrigger
    from sorter.errors import ConfigError

    camera = settings.camera
    if settings.trigger.kind == "arm":
        raise ConfigError("No arm announces objects here.", "Choose --trigger motion, or --key.")
    if not camera.source.startswith("sim:"):
        source = make_camera(camera.source, camera)
        scene = _Scene(source, make_trigger(settings.trigger, source.live))
    else:
        from sorter.edge.simulation.camera import make_simulation

        simulation = make_simulation(camera.source)
        scene = _Scene(view_camera(simulation.camera, camera), make_trigger(settings.trigger, True), simulation.world)
    if isinstance(scene.trigger, LearningTrigger):
        scene.trigger.learn_empty()
    return scene


def _make_shutter(scene: _Scene, wish: _Wish) -> "Shutter":
    from sorter.edge.keyboard import EnterKey
    from sorter.edge.loop import LoopOptions
    from sorter.edge.shutters import KeyShutter, SettledShutter, TimedShutter
    from sorter.errors import ConfigError

    if wish.every_s is not None and wish.key:
        raise ConfigError("--every and --key contradict each other.", "Choose one of them.")
    if not scene.camera.live and (not wish.settled or wish.burst.pictures > 1):
        raise ConfigError(
            f"{scene.camera.name} shows each picture once.", "Leave --every, --key and --burst to live cameras."
        )
    if wish.every_s is not None:
        return TimedShutter(wish.every_s, wish.burst)
    if wish.key:
        enter = EnterKey()
        enter.open()
        return KeyShutter(enter.pressed, wish.burst)
    return SettledShutter(scene.trigger, wish.burst, LoopOptions(settle_s=wish.settle_s), scene.camera.live)


def _check_label(label: str, camera: str, wish: _Wish) -> None:
    from sorter.errors import ConfigError
    from sorter.photo_names import class_folder

    if label == _AUTO:
        if not camera.startswith("sim:") or not wish.settled:
            raise ConfigError("Only the simulated platform with its trigger knows labels.", "Give --label NAME.")
    elif class_folder(label) != label or not label.isprintable():
        raise ConfigError(
            f"Label {label!r} cannot be the name of a folder.", "Choose a plain name, for example apple or 'red apple'."
        )


def _instruction(scene: _Scene, wish: _Wish) -> str:
    if not scene.camera.live:
        return "Each picture is one object."
    if wish.key:
        return "Press Enter for each photo; q and Enter end it."
    if wish.every_s is not None:
        return f"A photo every {wish.every_s:g} s; Ctrl-C ends it."
    return "The place must be empty now. Lay down one object after the other; Ctrl-C ends it."


def _then_clear(show: "Callable[[Photo], None]", world: "World | None") -> "Callable[[Photo], None]":
    """On the simulated platform nobody stands by to take the object away."""
    import time

    def on_photo(photo: "Photo") -> None:
        show(photo)
        if world is not None and photo.shot.last:
            world.take(0, time.monotonic())

    return on_photo


def _show(photo: "Photo") -> None:
    shot, quality = photo.shot, photo.quality
    facts = f"object {shot.number:>4}.{shot.index:<3} {photo.label:<18} sharpness {quality.sharpness:>4.0f}"
    click.echo(f"{facts}  brightness {quality.brightness:>4.0f}  {photo.path.name}")
    _show_quietly(photo)


def _show_quietly(photo: "Photo") -> None:
    if photo.warnings:
        click.secho(f"  {photo.path.name}: {', '.join(photo.warnings)}", fg="yellow", err=True)


def _show_summary(summary: "dict[str, object]", as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    labels, warnings = (
        ", ".join(f"{count} {name}" for name, count in sorted(dict(summary[what]).items()))  # type: ignore[call-overload]
        for what in ("labels", "warnings")
    )
    click.echo(f"\n{summary['photos']} photos of {summary['objects']} objects in {summary['folder']}", nl=False)
    click.echo((f": {labels}" if labels else "") + (f"; look at these: {warnings}" if warnings else ""))
