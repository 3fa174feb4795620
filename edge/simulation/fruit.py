"""Six fruits, drawn from nothing but numbers.

They make the demo data set and lie on the simulated platform, so that the whole path from training to the arm can be
tried without a download or a camera. The same seed gives the same picture.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.simulation import shape, skin
from sorter.edge.simulation.background import render_background
from sorter.edge.simulation.light import Light, Sensor, Sprite, lay, shadow, shadow_margin_px, shine
from sorter.edge.simulation.texture import Field
from sorter.errors import ConfigError
from sorter.image import Pixels

FRUITS = ("apple", "avocado", "banana", "kiwi", "lemon", "orange")
"""Labels of the rendered objects, in alphabetical order as everywhere."""

_CUT_SHARE = 0.25
"""How many kiwis and avocados are cut open."""


@dataclass(frozen=True)
class _Specimen:
    """One individual fruit.

    Attributes:
        distance: Its shape.
        paint: Its skin.
        rotation: How it lies: (3, 3).
        size: Its size among the fruits; 1 is an apple.
        height: How high it rises above the ground, as a share of its radius.
    """

    distance: shape.Distance
    paint: skin.Paint
    rotation: npt.NDArray[np.float32]
    size: float
    height: float


def _any_way(rng: np.random.Generator, tilt: float | None = None) -> npt.NDArray[np.float32]:
    spin, heading = rng.uniform(0, 2 * np.pi, 2)
    return shape.turn(spin, rng.uniform(-np.pi / 2, np.pi / 2) if tilt is None else tilt, heading)


def _apple(rng: np.random.Generator) -> _Specimen:
    stem, flesh = shape.apple_stem(rng), shape.apple(rng)

    def distance(x: Field, y: Field, z: Field) -> Field:
        return np.minimum(flesh(x, y, z), stem(x, y, z))

    # Apples show their stem more often than chance would have it: it is what people look for.
    tilt = rng.uniform(0.1, 1.45) if rng.random() < 0.7 else rng.uniform(-1.5, 0.1)
    return _Specimen(distance, skin.apple(rng, stem), _any_way(rng, tilt), 1.0, 1.4)


def _avocado(rng: np.random.Generator) -> _Specimen:
    whole, cut = shape.avocado(rng), bool(rng.random() < _CUT_SHARE)
    if cut:
        rotation = shape.turn(rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.3), rng.uniform(0, 2 * np.pi))
    else:
        rotation = _any_way(rng, rng.normal(0, 0.35))
    distance = shape.halved_avocado(rng, whole) if cut else whole
    return _Specimen(distance, skin.avocado(rng, whole, cut), rotation, 1.12, 0.6 if cut else 1.0)


def _banana(rng: np.random.Generator) -> _Specimen:
    bend = shape.Bend.vary(rng)
    flip = np.pi if rng.random() < 0.5 else 0.0
    rotation = shape.turn(flip + rng.normal(0, 0.3), rng.normal(0, 0.3), rng.uniform(0, 2 * np.pi))
    return _Specimen(shape.banana(rng, bend), skin.banana(rng, bend), rotation, 1.35, 0.4)


def _kiwi(rng: np.random.Generator) -> _Specimen:
    cut = float(rng.uniform(-0.1, 0.15)) if rng.random() < _CUT_SHARE else None
    tilt = rng.normal(0, 0.4) if cut is None else rng.uniform(1.1, 1.57)
    return _Specimen(shape.kiwi(rng, cut), skin.kiwi(rng, cut), _any_way(rng, tilt), 0.92, 1.0)


def _lemon(rng: np.random.Generator) -> _Specimen:
    return _Specimen(shape.lemon(rng), skin.lemon(rng), _any_way(rng, rng.normal(0, 0.4)), 0.98, 1.0)


def _orange(rng: np.random.Generator) -> _Specimen:
    return _Specimen(shape.orange(rng), skin.orange(rng), _any_way(rng), 0.95, 1.5)


_SPECIMENS: dict[str, Callable[[np.random.Generator], _Specimen]] = {
    "apple": _apple,
    "avocado": _avocado,
    "banana": _banana,
    "kiwi": _kiwi,
    "lemon": _lemon,
    "orange": _orange,
}


def render_sprite(label: str, rng: np.random.Generator, light: Light, short_side_px: int) -> Sprite:
    """Draws one fruit of its kind, to be laid on a picture.

    Args:
        label: One of ``FRUITS``.
        rng: Chooses variety, shape, pose and size.
        light: Lights the fruit and throws its shadow.
        short_side_px: Shorter side of the picture it will lie on; the fruit fills 30 to 85 % of it.

    Raises:
        ConfigError: There is no such fruit.
    """
    if label not in _SPECIMENS:
        raise ConfigError(f"There is no rendered object {label!r}.", f"Choose one of {', '.join(FRUITS)}.")
    specimen = _SPECIMENS[label](rng)
    side = max(16, round(short_side_px * rng.uniform(0.44, 0.68) * specimen.size))
    surface = shape.trace(specimen.distance, side, specimen.rotation)
    lit = shine(surface, specimen.paint(surface), light)
    height_px = side / 2 * specimen.height
    margin = shadow_margin_px(light, height_px)
    alpha = np.pad(surface.alpha, margin)
    shade = shadow(alpha, light, height_px)
    picture = cv2.copyMakeBorder(lit, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    left, top, width, height = cv2.boundingRect((alpha > 0.02).astype(np.uint8))
    return Sprite(picture, alpha, shade, (left, top, left + width, top + height))  # type: ignore[arg-type]


def place(sprite: Sprite, size: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Chooses where a sprite lies so that the object is fully visible.

    Args:
        sprite: The object.
        size: (width, height) of the picture.
        rng: Chooses.

    Returns:
        Column and row of the sprite's upper left corner.
    """
    corner = []
    for low, high, side in ((sprite.box[0], sprite.box[2], size[0]), (sprite.box[1], sprite.box[3], size[1])):
        room = side - (high - low)
        # Bell-shaped: objects arrive near the middle of the platform.
        share = np.clip(rng.normal(0.5, 0.2), 0.03, 0.97)
        corner.append(round(room * share) - low)
    return corner[0], corner[1]


def render_object(label: str, rng: np.random.Generator, size: tuple[int, int] = (320, 240)) -> Pixels:
    """Draws a photograph of one fruit: ground, light, fruit, shadow, camera.

    Args:
        label: One of ``FRUITS``.
        rng: Chooses everything else; an equal generator gives an equal picture.
        size: (width, height) in pixels.

    Returns:
        uint8 BGR (height, width, 3).

    Raises:
        ConfigError: There is no such fruit.
    """
    light = Light.vary(rng)
    sprite = render_sprite(label, rng, light, min(size))
    picture = render_background(rng, size, light)
    lay(picture, sprite, *place(sprite, size, rng))
    return Sensor.vary(rng).expose(picture, rng)
