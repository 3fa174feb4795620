"""Noise that repeats without a seam, made once and sampled wherever a picture needs irregularity."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
"""One float32 number for each pixel, shape (H, W)."""

SIDE_PX = 512
"""Side of a noise tile: large enough that nobody sees it repeat, small enough for the cache of a small CPU."""


@lru_cache(maxsize=8)
def fractal(exponent: float = 1.6) -> Field:
    """Noise with structure of all sizes, like marbling: amplitude falls with frequency to the power ``exponent``.

    Returns:
        (SIDE_PX, SIDE_PX), mean 0, standard deviation 1.
    """
    frequency = _frequency()
    return _shaped(np.where(frequency > 0, np.maximum(frequency, 1.0) ** -exponent, 0.0), seed=1)


@lru_cache(maxsize=16)
def grain(cycles: float, spread: float = 0.35) -> Field:
    """Noise with structure of one size: about ``cycles`` bumps along the side of the tile.

    Returns:
        (SIDE_PX, SIDE_PX), mean 0, standard deviation 1.
    """
    frequency = np.maximum(_frequency(), 1e-3)
    return _shaped(np.exp(-0.5 * (np.log(frequency / cycles) / spread) ** 2), seed=2)


@lru_cache(maxsize=4)
def fibre(stretch: float = 24.0) -> Field:
    """Noise drawn out along the columns, like wood or brushed metal.

    Returns:
        (SIDE_PX, SIDE_PX), mean 0, standard deviation 1.
    """
    along = np.fft.fftfreq(SIDE_PX)[:, None] * SIDE_PX * stretch
    across = np.fft.rfftfreq(SIDE_PX)[None, :] * SIDE_PX
    frequency = np.hypot(along, across)
    return _shaped(np.where(across > 0, np.maximum(frequency, 1.0) ** -0.8, 0.0), seed=3)


@lru_cache(maxsize=1)
def white() -> Field:
    """Independent normal numbers for sensor noise: (SIDE_PX, SIDE_PX)."""
    return np.random.default_rng(4).standard_normal((SIDE_PX, SIDE_PX), np.float32)


def _frequency() -> npt.NDArray[np.float64]:
    rows = np.fft.fftfreq(SIDE_PX)[:, None] * SIDE_PX
    columns = np.fft.rfftfreq(SIDE_PX)[None, :] * SIDE_PX
    frequency: npt.NDArray[np.float64] = np.hypot(rows, columns)
    return frequency


def _shaped(amplitude: npt.NDArray[np.float64], seed: int) -> Field:
    noise = np.random.default_rng(seed).standard_normal((SIDE_PX, SIDE_PX))
    tile = np.fft.irfft2(np.fft.rfft2(noise) * amplitude, s=(SIDE_PX, SIDE_PX))
    tile -= tile.mean()
    normed: Field = (tile / tile.std()).astype(np.float32)
    return normed


def sample(tile: Field, u: Field, v: Field, offset: tuple[float, float]) -> Field:
    """Reads a tile at (u, v), in tile sides, linearly interpolated and repeated without end.

    Args:
        tile: (SIDE_PX, SIDE_PX).
        u: Column position of each pixel.
        v: Row position of each pixel.
        offset: Added to u and v, so that two objects never share a pattern.
    """
    columns = ((u + np.float32(offset[0])) * np.float32(SIDE_PX)).astype(np.float32, copy=False)
    rows = ((v + np.float32(offset[1])) * np.float32(SIDE_PX)).astype(np.float32, copy=False)
    return cv2.remap(tile, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # type: ignore[return-value]


def cut(tile: Field, size: tuple[int, int], rng: np.random.Generator, zoom: float = 1.0) -> Field:
    """Takes a piece of the repeated tile at a random place.

    Args:
        tile: (SIDE_PX, SIDE_PX).
        size: (width, height) of the piece, in pixels.
        rng: Chooses the place.
        zoom: Enlargement of the structure.

    Returns:
        (height, width).
    """
    width, height = size
    left, top = rng.integers(0, SIDE_PX, 2)
    needed_w, needed_h = max(2, round(width / zoom)), max(2, round(height / zoom))
    rows = np.arange(top, top + needed_h) % SIDE_PX
    columns = np.arange(left, left + needed_w) % SIDE_PX
    piece: Field = tile[np.ix_(rows, columns)]
    if piece.shape == (height, width):
        return piece
    return cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 below ``low``, 1 above ``high``, smooth between; falling where ``low`` is above ``high``."""
    t: Field = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0, 1)
    step: Field = t * t * (3 - 2 * t)
    return step
