"""What lies on the simulated platform: rendered fruits, or real photographs from class folders."""

import logging
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from sorter.dataset import Photo
from sorter.edge.simulation.fruit import FRUITS, place, render_sprite
from sorter.edge.simulation.light import Light, Sprite, lay
from sorter.errors import DatasetError
from sorter.image import Pixels, read_image

_log = logging.getLogger(__name__)

Side = tuple[int, int]
"""Where an object comes from: (1, 0) is the right."""

ALL_SIDES: tuple[Side, ...] = ((1, 0), (-1, 0), (0, 1), (0, -1))
LEFT: tuple[Side, ...] = ((-1, 0),)


class Exhibit(Protocol):
    """One object.

    Attributes:
        label: What it truly is.
        name: Its file name; empty for a rendered object.
    """

    @property
    def label(self) -> str:
        """What it truly is."""

    @property
    def name(self) -> str:
        """Its file name; empty for a rendered object."""

    def draw(self, ground: Pixels, arrived: float) -> Pixels:
        """The platform with the object on it.

        Args:
            ground: uint8 BGR (H, W, 3), the empty platform; not changed.
            arrived: 0 still outside the picture, 1 at rest, 2 outside again at the other side.
        """


@dataclass(frozen=True)
class FruitExhibit:
    """A rendered fruit that slides in from one side.

    Attributes:
        label: Which fruit.
        sprite: Its picture.
        corner: Column and row of the sprite's upper left corner at rest.
        side: Where it comes from: (1, 0) is the right.
        name: Always empty.
    """

    label: str
    sprite: Sprite
    corner: tuple[int, int]
    side: Side
    name: str = ""

    def draw(self, ground: Pixels, arrived: float) -> Pixels:
        """The platform with the fruit on it (see ``Exhibit.draw``)."""
        picture = ground.copy()
        height, width = ground.shape[:2]
        away = 1 - arrived
        lay(
            picture,
            self.sprite,
            self.corner[0] + round(self.side[0] * away * width),
            self.corner[1] + round(self.side[1] * away * height),
        )
        return picture


@dataclass(frozen=True)
class PhotoExhibit:
    """A photograph, pushed over the platform until it fills the frame.

    Attributes:
        label: Its class folder.
        photo: uint8 BGR, at most as large as the frame.
        side: Where it comes from: (1, 0) is the right.
        name: Its path below the data set's folder.
    """

    label: str
    photo: Pixels
    side: Side
    name: str

    def draw(self, ground: Pixels, arrived: float) -> Pixels:
        """The platform with the photograph on it (see ``Exhibit.draw``)."""
        picture = ground.copy()
        (height, width), (h, w) = ground.shape[:2], self.photo.shape[:2]
        away = 1 - arrived
        left = (width - w) // 2 + round(self.side[0] * away * width)
        top = (height - h) // 2 + round(self.side[1] * away * height)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
        if x0 < x1 and y0 < y1:
            picture[y0:y1, x0:x1] = self.photo[y0 - top : y1 - top, x0 - left : x1 - left]
        return picture


def rendered_fruits(
    seed: int, size: tuple[int, int], light: Light, sides: Sequence[Side] = ALL_SIDES
) -> Iterator[FruitExhibit]:
    """Fruits without end, every kind once before any comes again.

    Args:
        seed: Equal seeds give equal fruits.
        size: (width, height) of the frame, in pixels.
        light: Of the platform, so that objects and ground match.
        sides: Where they may come from.
    """
    rng = np.random.default_rng([seed, 1])
    while True:
        for label in rng.permutation(FRUITS):
            sprite = render_sprite(str(label), rng, light, min(size))
            yield FruitExhibit(str(label), sprite, place(sprite, size, rng), sides[int(rng.integers(len(sides)))])


def photographs(
    photos: Sequence[Photo], seed: int, size: tuple[int, int], sides: Sequence[Side] = ALL_SIDES
) -> Iterator[PhotoExhibit]:
    """Every photograph once, in random order, classes taking turns; unreadable ones are left out with a warning.

    Args:
        photos: What to show.
        seed: Of the order.
        size: (width, height) that they fill, in pixels.
        sides: Where they may come from.
    """
    rng = np.random.default_rng([seed, 2])
    for photo in take_turns(photos, rng):
        side = sides[int(rng.integers(len(sides)))]
        try:
            picture = read_image(photo.path)
        except DatasetError as error:
            _log.warning("left out: %s", error.message)
            continue
        yield PhotoExhibit(photo.label, _fitted(picture, size), side, photo.filename)


def take_turns(photos: Sequence[Photo], rng: np.random.Generator) -> Iterator[Photo]:
    """Shuffles photographs so that the classes take turns as long as they last."""
    piles = {label: [p for p in photos if p.label == label] for label in sorted({p.label for p in photos})}
    for pile in piles.values():
        rng.shuffle(pile)
    while piles:
        for label in [str(name) for name in rng.permutation(list(piles))]:
            yield piles[label].pop()
            if not piles[label]:
                del piles[label]


def _fitted(picture: Pixels, size: tuple[int, int]) -> Pixels:
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    # A photo that misses the frame's shape by a hair fills it; only really different shapes keep their borders.
    new_width, new_height = round(width * scale), round(height * scale)
    if size[0] - new_width <= 0.02 * size[0] and size[1] - new_height <= 0.02 * size[1]:
        new_width, new_height = size
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, (max(1, new_width), max(1, new_height)), interpolation=kind)  # type: ignore[return-value]


class Preloaded(Iterator[Exhibit]):
    """Prepares the next objects in a thread, so that drawing or decoding one never holds up the frames.

    Closed, it keeps what it has prepared, and goes on where it was when it is asked again.

    Args:
        exhibits: Where they come from; read by the thread only.
        ahead: How many are kept ready.
    """

    def __init__(self, exhibits: Iterable[Exhibit], ahead: int = 1) -> None:
        self._source = iter(exhibits)
        self._ready: queue.Queue[Exhibit | Exception | None] = queue.Queue(maxsize=ahead)
        self._prepared: list[Exhibit | Exception | None] = []
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False

    def start(self) -> None:
        """Starts preparing; starting twice does nothing."""
        if self._thread is None and not self._ended:
            self._closing.clear()
            self._thread = threading.Thread(target=self._prepare, name="simulated-objects", daemon=True)
            self._thread.start()

    def __next__(self) -> Exhibit:
        """The next object; waits only when it is not ready yet."""
        self.start()
        if self._ended and self._ready.empty():
            raise StopIteration
        exhibit = self._ready.get()
        if exhibit is None or isinstance(exhibit, Exception):
            self._ended = True
            raise exhibit or StopIteration
        return exhibit

    def close(self) -> None:
        """Ends the thread; closing twice does nothing."""
        self._closing.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _prepare(self) -> None:
        ended = False
        while not (self._closing.is_set() or (ended and not self._prepared)):
            if not self._prepared:
                self._prepared.append(self._draw())
            ended = self._prepared[0] is None or isinstance(self._prepared[0], Exception)
            try:
                self._ready.put(self._prepared[0], timeout=0.05)
            except queue.Full:
                continue
            self._prepared.clear()

    def _draw(self) -> Exhibit | Exception | None:
        try:
            return next(self._source, None)
        except Exception as error:  # handed to the reader, who can tell somebody
            return error
