"""A camera above the simulated platform: the addresses ``sim:`` and ``sim:FOLDER``."""

import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import numpy as np

from sorter.dataset import Photo, Subset, apply_split, open_dataset, read_photos
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.simulation.address import read_options, split_address, unknown_option
from sorter.edge.simulation.background import render_background
from sorter.edge.simulation.exhibit import Preloaded, photographs, rendered_fruits, take_turns
from sorter.edge.simulation.light import Light, Sensor
from sorter.edge.simulation.world import World, WorldOptions
from sorter.errors import CameraError, ConfigError, DatasetError
from sorter.image import Pixels

_FRUIT_FRAME = (640, 480)
_FRAME_HEIGHT_PX = 480
_ASPECT_SAMPLES = 15


@dataclass(frozen=True)
class SceneOptions:
    """What the platform shows; the options of a ``sim:`` address beside those of ``WorldOptions``.

    Attributes:
        fps: Frames a second.
        seed: Of everything that is random.
        subset: Only photos of this part (``train``, ``validation`` or ``test``); empty for all.
        split: A ``split.csv`` that says which photo belongs to which part; empty when the folders do.
    """

    fps: float = 30.0
    seed: int = 1
    subset: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 1000:
            raise ConfigError(f"A camera with {self.fps:g} frames a second is impossible.", "Choose 0.1 to 1000.")
        if self.subset not in ("", *get_args(Subset)):
            raise ConfigError(f"There is no part {self.subset!r}.", f"Choose {', '.join(get_args(Subset))}.")


class SimulatedCamera(Camera):
    """A live camera above a simulated platform.

    Args:
        world: What it sees.
        fps: Frames a second.
        preloaded: The world's objects, when a thread prepares them; ended when the camera is closed.
        name: For messages.
    """

    live = True

    def __init__(self, world: World, fps: float = 30.0, preloaded: Preloaded | None = None, name: str = "sim:") -> None:
        self.name = name
        self.world = world
        self._period_s = 1.0 / fps
        self._preloaded = preloaded
        self._started_s: float | None = None
        self._number = -1

    def open(self) -> None:
        """Starts the camera; opening twice does nothing."""
        if self._started_s is None:
            if self._preloaded is not None:
                self._preloaded.start()
            self._started_s, self._number = time.monotonic(), -1

    def read(self) -> Frame | None:
        """Waits for the next frame; None when the last object has gone.

        Frames that were due while nobody read are left out, as a real camera does.

        Raises:
            CameraError: The camera is not open.
        """
        if self._started_s is None:
            raise CameraError(f"Camera {self.name} is not open.")
        if self.world.finished:
            return None
        current = int((time.monotonic() - self._started_s) / self._period_s)
        self._number = max(self._number + 1, current)
        time.sleep(max(0.0, self._started_s + self._number * self._period_s - time.monotonic()))
        now_s = time.monotonic()
        return Frame(self.world.frame(now_s), now_s, self._number)

    def close(self) -> None:
        """Stops the camera; closing twice does nothing."""
        self._started_s = None
        if self._preloaded is not None:
            self._preloaded.close()


@dataclass(frozen=True)
class Simulation:
    """A platform and the camera above it.

    Attributes:
        camera: What the sorter sees.
        world: What is true; call ``world.take(bin, now_s)`` whenever an arm completes a motion.
    """

    camera: SimulatedCamera
    world: World


def make_simulation(address: str, objects: int | None = None) -> Simulation:
    """Makes the platform that a camera address names.

    Args:
        address: ``sim:`` lays rendered fruits on it, ``sim:FOLDER`` photos from class folders. Options are the fields
            of ``SceneOptions`` and ``WorldOptions``: ``sim:photos?fps=30&speed=4&seed=1&objects=20&subset=test``.
        objects: How many objects come; replaces the option of the same name.

    Raises:
        ConfigError: An option is unknown or impossible.
        DatasetError: The folder has no class folders with pictures, or no photo is left.
    """
    folder, given = split_address(address)
    names = {f.name for f in fields(SceneOptions)}
    known = names | {f.name for f in fields(WorldOptions)}
    for name in given.keys() - known:
        raise unknown_option(name, known)
    if objects is not None:
        given["objects"] = str(objects)
    scene = read_options(SceneOptions, {k: v for k, v in given.items() if k in names})
    if not folder and (scene.subset or scene.split):
        raise ConfigError("Parts of a data set need a folder of photos.", "Write sim:FOLDER?subset=test.")
    rng = np.random.default_rng([scene.seed, 0])
    light, sensor = Light.vary(rng), Sensor.vary(rng)
    if folder:
        photos = _choose_photos(Path(folder), scene)
        size = _frame_size(photos, scene.seed)
        preloaded = Preloaded(photographs(photos, scene.seed, size))
    else:
        size = _FRUIT_FRAME
        preloaded = Preloaded(rendered_fruits(scene.seed, size, light))
    # A photo is already blurred and noisy from its own camera.
    given.setdefault("noise", "1.0" if folder else str(sensor.noise))
    given.setdefault("blur_px", "0" if folder else str(sensor.blur_px))
    options = read_options(WorldOptions, {k: v for k, v in given.items() if k not in names})
    # Fruits, even black avocados, stand out from a bright platform; photos on white paper from a dark one.
    ground = _platform(rng, size, light, (25, 105) if folder else (120, 200))
    world = World(ground, preloaded, options, scene.seed)
    return Simulation(SimulatedCamera(world, scene.fps, preloaded, address), world)


def _platform(rng: np.random.Generator, size: tuple[int, int], light: Light, brightness: tuple[int, int]) -> Pixels:
    """A ground whose mean brightness, 0..255, lies between two limits."""
    while True:
        ground = render_background(rng, size, light)
        if brightness[0] <= ground.mean() <= brightness[1]:
            return ground


def _choose_photos(folder: Path, scene: SceneOptions) -> tuple[Photo, ...]:
    dataset = open_dataset(folder)
    if scene.split:
        dataset = apply_split(dataset, Path(scene.split))
    photos = tuple(p for p in dataset.photos if not scene.subset or p.subset == scene.subset)
    if not photos:
        raise DatasetError(
            f"{folder} has no photos in part {scene.subset!r}.",
            "Give the run's split.csv: sim:FOLDER?split=RUN/split.csv.",
        )
    return photos


def _frame_size(photos: tuple[Photo, ...], seed: int) -> tuple[int, int]:
    """480 rows, and the columns that suit most photos."""
    some = list(take_turns(photos, np.random.default_rng([seed, 4])))[:_ASPECT_SAMPLES]
    pictures = [picture for _, picture in read_photos(some) if not isinstance(picture, DatasetError)]
    if not pictures:
        raise DatasetError(f"None of the first {len(some)} photos can be read.", "Check the data set.")
    aspect = float(np.median([picture.shape[1] / picture.shape[0] for picture in pictures]))
    width = round(_FRAME_HEIGHT_PX * min(max(aspect, 0.4), 2.5) / 2) * 2
    return width, _FRAME_HEIGHT_PX
