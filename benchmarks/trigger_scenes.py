"""Objects on grounds, for the triggers to look at: rendered fruits, photographs as cards, photographed waste."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sorter.dataset import open_dataset
from sorter.edge.simulation.background import render_background
from sorter.edge.simulation.exhibit import PhotoExhibit, rendered_fruits, take_turns
from sorter.edge.simulation.fruit import FRUITS, render_sprite
from sorter.edge.simulation.light import Light, lay
from sorter.image import Pixels, read_image

SIZE = (320, 240)
"""(width, height); half a usual camera's, so that long sequences are affordable. Noise is meant at this size."""

_SLIDE = (0.2, 0.45, 0.65, 0.8, 0.9, 0.97, 1.0)
"""Where an object is, frame by frame, while it slides in."""

_OVERLAP_PX = 3
"""Outlines that share more pixels than this touch."""

_STRAYING = 16
"""A border that strays so many bytes from a smooth board is not only board."""


@dataclass(frozen=True)
class Scene:
    """One object (or two) and the empty place it comes to.

    Attributes:
        name: What it is.
        ground: uint8 BGR (H, W, 3), empty.
        coming: Pictures from the first sight of the object until it rests; the last one is the object at rest.
        objects: How many there truly are.
    """

    name: str
    ground: Pixels
    coming: tuple[Pixels, ...]
    objects: int = 1


def grounds(count: int, seed: int = 5) -> Iterator[tuple[Pixels, Light]]:
    """Rendered grounds of all kinds, none of them nearly black."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        light = Light.vary(rng)
        ground = render_background(rng, SIZE, light)
        if ground.mean() > 30:
            made += 1
            yield ground, light


def fruits(count: int, seed: int = 5) -> Iterator[Scene]:
    """Rendered fruits with their shadows, each on a ground of its own, sliding in."""
    for number, (ground, light) in enumerate(grounds(count, seed)):
        exhibit = next(rendered_fruits(seed + number, SIZE, light))
        yield Scene(f"{exhibit.label} {number}", ground, tuple(exhibit.draw(ground, a) for a in _SLIDE))


def fruit_pairs(count: int, gap_px: int, seed: int = 7) -> Iterator[Scene]:
    """Two rendered fruits beside each other, their outlines ``gap_px`` apart; negative for touching ones."""
    rng = np.random.default_rng(seed)
    for number, (ground, light) in enumerate(grounds(count, seed)):
        stream = rendered_fruits(seed + number, (SIZE[0] // 2, int(SIZE[1] / 1.6)), light)
        picture, middle = ground.copy(), SIZE[0] // 2 + int(rng.integers(-10, 11))
        for side in (-1, 1):
            sprite = next(stream).sprite
            left, top, right, bottom = sprite.box
            x = middle + gap_px // 2 - left if side > 0 else middle - gap_px + gap_px // 2 - right
            lay(picture, sprite, x, SIZE[1] // 2 - (top + bottom) // 2)
        yield Scene(f"pair {number}", ground, (picture,), 2)


def touching_pairs(count: int, alike: bool, seed: int = 9) -> Iterator[Scene]:
    """Two rendered fruits pushed together in any direction until their outlines meet; of one kind if ``alike``."""
    rng = np.random.default_rng(seed)
    short_px = int(SIZE[1] / 1.6)
    for number, (ground, light) in enumerate(grounds(count, seed)):
        labels = rng.choice(FRUITS, 2, replace=False)
        first, second = (render_sprite(str(labels[0 if alike else i]), rng, light, short_px) for i in (0, 1))
        angle = rng.uniform(0, 2 * np.pi)
        apart_x, apart_y = _meet(first.alpha > 0.5, second.alpha > 0.5, (float(np.cos(angle)), float(np.sin(angle))))
        picture = ground.copy()
        for sprite, side in ((first, -0.5), (second, 0.5)):
            height, width = sprite.alpha.shape
            x, y = SIZE[0] / 2 + side * apart_x - width / 2, SIZE[1] / 2 + side * apart_y - height / 2
            lay(picture, sprite, round(x), round(y))
        yield Scene(f"{labels[0]} and {'another' if alike else labels[1]} {number}", ground, (picture,), 2)


def _meet(first: Any, second: Any, direction: tuple[float, float]) -> tuple[int, int]:
    """How far apart the middles of two outlines (h, w) lie when they just overlap: columns, rows."""
    height, width = (2 * max(a, b) for a, b in zip(first.shape, second.shape, strict=True))
    lying = np.zeros((height, width), bool)
    top, left = (height - first.shape[0]) // 2, (width - first.shape[1]) // 2
    lying[top : top + first.shape[0], left : left + first.shape[1]] = first
    rows, columns = np.nonzero(second)
    for away in range(int(np.hypot(height, width)), 0, -1):
        x, y = round(away * direction[0]), round(away * direction[1])
        down, across = rows - second.shape[0] // 2 + height // 2 + y, columns - second.shape[1] // 2 + width // 2 + x
        inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
        if np.count_nonzero(lying[down[inside], across[inside]]) > _OVERLAP_PX:
            return x, y
    return 0, 0


def cards(folder: Path, count: int, seed: int = 5, per_scene: int = 1, gap_px: int = 0) -> Iterator[Scene]:
    """Photographs as small cards on rendered grounds: any texture and colour, with sharp straight edges."""
    rng = np.random.default_rng(seed)
    paths = [photo.path for photo in take_turns(open_dataset(folder).photos, rng)]
    for number, (ground, _) in enumerate(grounds(count, seed)):
        picture = ground.copy()
        side = int(rng.integers(40, 110))
        left = int(rng.integers(4, SIZE[0] - per_scene * (side + gap_px) - 4))
        top = int(rng.integers(4, SIZE[1] - side - 4))
        for i in range(per_scene):
            photo: Any = read_image(paths[number * per_scene + i])
            x = left + i * (side + gap_px)
            picture[top : top + side, x : x + side] = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
        yield Scene(paths[number].name, ground, (picture,), per_scene)


def full_photos(folder: Path, count: int, seed: int = 5) -> Iterator[Scene]:
    """Photographs that are pushed over the ground until they fill the frame, as ``sim:FOLDER`` does."""
    rng = np.random.default_rng(seed)
    photos = list(take_turns(open_dataset(folder).photos, rng))[:count]
    for photo, (ground, _) in zip(photos, grounds(count, seed), strict=True):
        picture: Any = cv2.resize(read_image(photo.path), SIZE, interpolation=cv2.INTER_AREA)
        exhibit = PhotoExhibit(photo.label, picture, (1, 0), photo.filename)
        yield Scene(photo.filename, ground, tuple(exhibit.draw(ground, a) for a in _SLIDE))


def waste_on_white(folder: Path, count: int, seed: int = 5) -> Iterator[Scene]:
    """TrashNet's photographs as they are: real objects with real shadows on a white board.

    The empty board is reconstructed from the picture's border; photographs whose object reaches the border cannot
    be used.
    """
    rng = np.random.default_rng(seed)
    found = 0
    for photo in take_turns(open_dataset(folder).photos, rng):
        picture: Any = cv2.resize(read_image(photo.path), SIZE, interpolation=cv2.INTER_AREA)
        board = _board(picture)
        if board is not None:
            found += 1
            yield Scene(photo.filename, board, (picture,))
        if found == count:
            return


def _board(picture: Pixels) -> Pixels | None:
    """The board behind an object: a cubic surface through the border; None if that does not fit."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, x**3, y**3, x * x * y, x * y * y], axis=-1)
    border = np.ones((height, width), bool)
    border[12:-12, 12:-12] = False
    channels = []
    for channel in range(3):
        values = picture[..., channel].astype(np.float64)
        fitted = terms @ np.linalg.lstsq(terms[border], values[border], rcond=None)[0]
        if np.abs(values[border] - fitted[border]).max() > _STRAYING:
            return None
        channels.append(fitted)
    paper = np.random.default_rng(0).normal(0, 1.0, (height, width, 1))
    return np.clip(np.stack(channels, axis=-1) + paper, 0, 255).astype(np.uint8)


def small_things(count: int, step: float, seed: int = 5) -> Iterator[Scene]:
    """Discs that cover 1.2 % of the region and differ from the ground by ``step`` bytes in all channels."""
    radius = round(float(np.sqrt(0.012 * SIZE[0] * SIZE[1] / np.pi)))
    for number, (ground, _) in enumerate(grounds(count, seed)):
        disc = np.zeros(ground.shape[:2], np.uint8)
        cv2.circle(disc, (90 + 13 * (number % 9), 120), radius, 255, -1, cv2.LINE_AA)
        signed = step if ground.mean() < 150 else -step
        picture = np.clip(ground + disc[..., None] / np.float32(255) * np.float32(signed), 0, 255).astype(np.uint8)
        yield Scene(f"disc {number} {signed:+g}", ground, (picture,))
