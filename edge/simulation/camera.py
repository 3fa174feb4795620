"""A camera above the simulated platform: the addresses ``sim:`` and ``sim:FOLDER``."""

import time
from collections import deque
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from sorter.dataset import Photo, Subset, apply_split, open_dataset, read_photos
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.simulation.address import read_options, split_address, unknown_option
from sorter.edge.simulation.background import render_background
from sorter.edge.simulation.exhibit import ALL_SIDES, LEFT, Preloaded, photographs, rendered_fruits, take_turns
from sorter.edge.simulation.faults import CameraFaultOptions, Fault, FaultPlan
from sorter.edge.simulation.fruit import FRUITS
from sorter.edge.simulation.light import Light, Sensor
from sorter.edge.simulation.world import World, WorldOptions
from sorter.errors import CameraError, ConfigError, DatasetError
from sorter.image import Pixels

_FRUIT_FRAME = (640, 480)
_FRAME_HEIGHT_PX = 480
_ASPECT_SAMPLES = 15
_BLACKNESS = 0.01
_LEAST_SIDE_PX, _MOST_SIDE_PX = 64, 4096


@dataclass(frozen=True)
class SceneOptions:
    """What the platform shows; the options of a ``sim:`` address beside those of ``WorldOptions``.

    Attributes:
        fps: Frames a second.
        seed: Of everything that is random.
        subset: Only photos of this part (``train``, ``validation`` or ``test``); empty for all.
        split: A ``split.csv`` that says which photo belongs to which part; empty when the folders do.
        width: Of the camera's picture, in pixels; 0 for what suits the objects.
        height: Likewise; both or none.
        cover: Share of the picture's width and height that a photo fills; less leaves ground to see around it.
    """

    fps: float = 30.0
    seed: int = 1
    subset: str = ""
    split: str = ""
    width: int = 0
    height: int = 0
    cover: float = 1.0

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 1000:
            raise ConfigError(f"A camera with {self.fps:g} frames a second is impossible.", "Choose 0.1 to 1000.")
        if self.subset not in ("", *get_args(Subset)):
            raise ConfigError(f"There is no part {self.subset!r}.", f"Choose {', '.join(get_args(Subset))}.")
        if not 0.1 <= self.cover <= 1:
            raise ConfigError(f"A photo cannot fill {self.cover:g} of the picture's sides.", "Choose 0.1 to 1.")
        if (self.width or self.height) and not all(
            _LEAST_SIDE_PX <= side <= _MOST_SIDE_PX for side in (self.width, self.height)
        ):
            raise ConfigError(
                f"A simulated camera with {self.width}x{self.height} pixels is impossible.",
                f"Give both width and height, {_LEAST_SIDE_PX} to {_MOST_SIDE_PX}.",
            )

    @property
    def size(self) -> tuple[int, int] | None:
        """(width, height) of the picture in pixels; None for what suits the objects."""
        return (self.width, self.height) if self.width else None


class SimulatedCamera(Camera):
    """A live camera above a simulated platform.

    The platform lives on while the camera is closed, and so do the camera's faults.

    Args:
        world: What it sees.
        fps: Frames a second.
        preloaded: The world's objects, when a thread prepares them; ended when the camera is closed.
        name: For messages.
        faults: What goes wrong with it.
        endless: Whether it goes on looking at the empty platform when the last object has gone.
    """

    live = True

    def __init__(
        self,
        world: World,
        fps: float = 30.0,
        preloaded: Preloaded | None = None,
        name: str = "camera sim:",
        faults: FaultPlan | None = None,
        endless: bool = False,
    ) -> None:
        self.name = name
        self.world = world
        self.noisy = world.noisy
        self._period_s = 1.0 / fps
        self._preloaded = preloaded
        self._endless = endless
        self._faults = faults or FaultPlan(CameraFaultOptions(), 0)
        self._born_s: float | None = None
        self._started_s: float | None = None
        self._number = -1
        self._queue: deque[tuple[Pixels, int]] = deque()
        self._frozen: tuple[Fault, Pixels] | None = None
        self._cured: Fault | None = None

    def open(self) -> None:
        """Starts the camera; opening twice does nothing.

        Raises:
            CameraError: It is unplugged just now.
        """
        if self._started_s is not None:
            return
        now_s = time.monotonic()
        if self._born_s is None:
            self._born_s = now_s
        fault = self._fault(now_s)
        if fault is not None and fault.kind == "vanish":
            raise CameraError(f"{self._title} does not open.", "It is unplugged, and will be back.")
        self._cured = fault
        if self._preloaded is not None:
            self._preloaded.start()
        self._queue.clear()
        self._number = -1
        self._started_s = now_s

    def read(self) -> Frame | None:
        """Waits for the next frame; None when the last object has gone.

        Frames that were due while nobody read are left out, as a real camera does.

        Raises:
            CameraError: The camera is not open, or was unplugged.
        """
        session_s = self._started_s
        while not self._queue:
            now_s = self._await_frame(session_s)
            if self.world.finished and not self._endless:
                return None
            fault = self._fault(now_s)
            if fault is not None and fault.kind == "vanish":
                raise CameraError(f"{self._title} stopped giving pictures.", "It is unplugged, and will be back.")
            self._queue.append((self._picture(now_s, fault), self._number))
            if fault is not None and fault.kind == "stall":
                self._fill_queue(fault, session_s)
        picture, number = self._queue.popleft()
        return Frame(picture, time.monotonic(), number)

    def close(self) -> None:
        """Stops the camera; closing twice does nothing."""
        self._started_s = None
        if self._preloaded is not None:
            self._preloaded.close()

    def _await_frame(self, session_s: float | None) -> float:
        """Waits until the next frame is due; gives the time.

        Args:
            session_s: When the camera was opened. It may have been opened again since, for another thread.
        """
        if session_s is None or self._started_s != session_s:
            raise CameraError(f"{self._title} is not open.")
        current = int((time.monotonic() - session_s) / self._period_s)
        self._number = max(self._number + 1, current)
        time.sleep(max(0.0, session_s + self._number * self._period_s - time.monotonic()))
        return time.monotonic()

    @property
    def _title(self) -> str:
        return self.name[0].upper() + self.name[1:]

    def _fault(self, now_s: float) -> Fault | None:
        return None if self._born_s is None else self._faults.at(now_s - self._born_s)

    def _picture(self, now_s: float, fault: Fault | None) -> Pixels:
        picture = self.world.frame(now_s)
        if fault is not None and fault.kind == "black":
            # What is left is the sensor's noise.
            return cv2.convertScaleAbs(picture, alpha=_BLACKNESS)  # type: ignore[return-value]
        if fault is not None and fault.kind == "freeze" and fault != self._cured:
            if self._frozen is None or self._frozen[0] != fault:
                self._frozen = fault, picture
            return self._frozen[1].copy()
        return picture

    def _fill_queue(self, stall: Fault, session_s: float | None) -> None:
        """Goes on taking pictures that nobody gets until the stall is over."""
        while self._fault(now_s := self._await_frame(session_s)) == stall:
            self._queue.append((self._picture(now_s, stall), self._number))
            if len(self._queue) > self._faults.queue:
                self._queue.popleft()


@dataclass(frozen=True)
class Simulation:
    """A platform and the camera above it.

    Attributes:
        camera: What the sorter sees.
        world: What is true; call ``world.take(bin, now_s)`` whenever an arm completes a motion.
        labels: What the objects can be.
    """

    camera: SimulatedCamera
    world: World
    labels: tuple[str, ...] = FRUITS


def make_simulation(address: str, objects: int | None = None, endless: bool = False) -> Simulation:
    """Makes the platform that a camera address names.

    Args:
        address: ``sim:`` lays rendered fruits on it, ``sim:FOLDER`` photos from class folders. Options are the fields
            of ``SceneOptions``, ``WorldOptions`` and ``CameraFaultOptions``, for example
            ``sim:photos?fps=30&speed=4&seed=1&objects=20&subset=test&freeze=0.1``.
        objects: How many objects come; replaces the option of the same name.
        endless: Whether the camera goes on when the last object has gone.

    Raises:
        ConfigError: An option is unknown or impossible.
        DatasetError: The folder has no class folders with pictures, or no photo is left.
    """
    folder, given = split_address(address)
    if objects is not None:
        given["objects"] = str(objects)
    scene, faults, given = _divide(given)
    if not folder and (scene.subset or scene.split or scene.cover != 1):
        raise ConfigError("subset, split and cover need a folder of photos.", "Write sim:FOLDER?subset=test.")
    # A belt has a direction.
    sides = LEFT if read_options(WorldOptions, given).moving else ALL_SIDES
    rng = np.random.default_rng([scene.seed, 0])
    light, sensor = Light.vary(rng), Sensor.vary(rng)
    if folder:
        photos = _choose_photos(Path(folder), scene)
        labels: tuple[str, ...] = tuple(sorted({photo.label for photo in photos}))
        size = scene.size or _frame_size(photos, scene.seed)
        width, height = (round(scene.cover * side) for side in size)
        preloaded = Preloaded(photographs(photos, scene.seed, (width, height), sides))
    else:
        labels, size = FRUITS, scene.size or _FRUIT_FRAME
        preloaded = Preloaded(rendered_fruits(scene.seed, size, light, sides))
    # A photo is already blurred and noisy from its own camera.
    given.setdefault("noise", "1.0" if folder else str(sensor.noise))
    given.setdefault("blur_px", "0" if folder else str(sensor.blur_px))
    options = read_options(WorldOptions, given)
    # Fruits, even black avocados, stand out from a bright platform; photos on white paper from a dark one.
    ground = _platform(rng, size, light, (25, 105) if folder else (120, 200))
    world = World(ground, preloaded, options, scene.seed)
    plan = FaultPlan(faults, scene.seed)
    camera = SimulatedCamera(world, scene.fps, preloaded, f"camera sim:{folder}", plan, endless)
    return Simulation(camera, world, labels)


def _divide(given: dict[str, str]) -> tuple[SceneOptions, CameraFaultOptions, dict[str, str]]:
    """Options of the scene and of the faults; and the others, which are the world's."""
    groups = [{f.name for f in fields(kind)} for kind in (SceneOptions, CameraFaultOptions, WorldOptions)]
    known = set().union(*groups)
    for name in given.keys() - known:
        raise unknown_option(name, known)
    scene, faults, world = ({k: v for k, v in given.items() if k in names} for names in groups)
    return read_options(SceneOptions, scene), read_options(CameraFaultOptions, faults), world


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
