"""Light that changes over the whole picture, and a camera that shakes: how much of a difference they explain.

All pictures are thumbnails: uint8 BGR (h, w, 3). Cameras store light through a power law, so a lamp that gives half
the light multiplies the bytes of every pixel by the same factor (exactly for a pure power, nearly for sRGB). Mains
lamps flicker at 100 or 120 Hz; a rolling shutter makes bands of it, so each row has a factor of its own.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.triggers.thumbnail import above, difference, share
from sorter.image import Pixels

Floats = npt.NDArray[np.float32]

_LEAST_LEVEL = 6.0
"""A mean byte below this holds no more light to compare."""

_GAIN_LIMITS = (0.12, 8.0)
_BAND_LIMITS = (0.6, 1.7)
"""How far the light of one row may lie from that of the whole picture: strong flicker at short exposure."""

_COLOUR_SHARE = 0.12
"""A pixel whose channels changed more differently than this did not change by light alone."""

_STEEPEST = 0.05
"""Light changes this much at most from one row of a thumbnail to the next: three bands of strong flicker over 120 rows
change by 0.04. A long object that lies across the picture begins more abruptly."""

_LEAST_ROW_PX = 6
_SMOOTHED_ROWS = 5
_OVEREXPOSED = 250
_MUCH_OVEREXPOSED = 0.25
_LEAST_GROUND, _ENOUGH_GROUND = 0.03, 0.4
"""Shares of the picture: with less ground nothing is learned of the light, or no sudden change believed."""

_SUDDEN = 0.12
"""A gain that changes by more than this logarithm within a frame is a switched lamp, or an object."""

_DRIFT = 0.03
"""More than what daylight changes from frame to frame."""

_SAME_GAIN = 0.01
_COLOURED_STEP = 1.3
"""A lamp that is switched changes the channels' gains by no more than this against each other."""

_LARGEST_SHIFT_PX, _LEAST_SHIFT_PX = 6.0, 0.03
_UNCERTAIN_PX = 0.3
_LARGEST_ERROR = 60.0
_WORTHWHILE = 0.7
"""A shift is believed when it leaves at most this share of the difference."""


@dataclass(frozen=True)
class Explained:
    """A picture brought to the light and the place of another, and where they still differ.

    Attributes:
        picture: uint8 BGR (h, w, 3), as the picture would look in the other's light.
        difference: uint8 (h, w), the largest difference of a channel.
        changed: uint8 (h, w), 255 where it exceeds the limit.
        gain: (3,) what the picture was multiplied by, apart from bands.
        shift: Columns and rows by which the camera has moved, in pixels of the thumbnail.
    """

    picture: Pixels
    difference: Pixels
    changed: Pixels
    gain: Floats
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def share(self) -> float:
        """Share of the picture that differs."""
        return share(self.changed)


def mean_colour(picture: Pixels) -> Floats:
    """The mean of each channel: (3,) float32, in bytes."""
    return np.array(cv2.mean(picture)[:3], np.float32)


def mean_gain(mean: Floats, other: Floats) -> Floats:
    """What brings one mean colour to another: (3,) float32."""
    gain: Floats = np.clip(other / np.maximum(mean, np.float32(0.5)), *_GAIN_LIMITS)
    return gain


def multiply(picture: Pixels, gain: Floats, rows: Floats | None = None) -> Pixels:
    """Multiplies channels by ``gain`` (3,) and rows by ``rows`` (h,), rounding to bytes."""
    if rows is None and np.abs(gain - 1).max() < 0.004:
        return picture
    height, width = picture.shape[:2]
    flat = picture.reshape(height, width * 3).astype(np.float32) * np.tile(gain, width)
    if rows is not None:
        np.multiply(flat, rows[:, None], out=flat)
    return cv2.convertScaleAbs(flat).reshape(picture.shape)  # type: ignore[return-value]


def compare(picture: Pixels, other: Pixels, limit: float, gain: Floats) -> Explained:
    """Compares after multiplying with a gain that is known."""
    lit = multiply(picture, gain)
    differs = difference(lit, other)
    return Explained(lit, differs, above(differs, limit), gain)


def explain_light(
    picture: Pixels, other: Pixels, limit: float, ground: Pixels | None = None, known: Floats | None = None
) -> Explained:
    """Compares after evening out the light, row by row.

    Args:
        picture: To be brought to the light of ``other``.
        other: To compare with.
        limit: Difference that counts.
        ground: uint8 (h, w), 255 where no object is known to lie; None for everywhere.
        known: (3,) the gain of a moment ago, kept where too little ground tells of a new one.
    """
    few = picture[::2, ::2].astype(np.float32)
    ratio = (other[::2, ::2].astype(np.float32) + 1) / (few + 1)
    usable = np.ones(ratio.shape[:2], bool) if ground is None else ground[::2, ::2] > 0
    # Overexposed pixels have lost their ratio.
    usable &= _largest(few) < _OVEREXPOSED
    gain = _ground_gain(ratio, usable, known)
    plain = compare(picture, other, limit, gain)
    if known is not None and np.abs(gain - known).max() > _SAME_GAIN * known.max():
        unchanged = compare(picture, other, limit, known)
        if unchanged.share <= plain.share:
            plain, gain = unchanged, known
    rows = _row_gains(ratio / gain, usable, picture.shape[0])
    if rows is None:
        return plain
    lit = multiply(picture, gain, rows)
    differs = difference(lit, other)
    banded = Explained(lit, differs, above(differs, limit), gain)
    return banded if banded.share < plain.share else plain


def is_lamp(gain: Floats, known: Floats | None) -> bool:
    """Whether a change of gain has no more colour than a lamp that is switched."""
    step = gain if known is None else gain / known
    return float(step.max() / step.min()) <= _COLOURED_STEP


def _largest(channels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    largest: npt.NDArray[Any] = np.maximum(np.maximum(channels[..., 0], channels[..., 1]), channels[..., 2])
    return largest


def _ground_gain(ratio: Floats, usable: npt.NDArray[np.bool_], known: Floats | None) -> Floats:
    """The median gain of the ground, or the known one where the median may be that of an object."""
    share_seen = np.count_nonzero(usable) / usable.size
    if known is not None and share_seen < _LEAST_GROUND:
        return known
    seen = ratio[usable] if share_seen else ratio.reshape(-1, 3)
    gain: Floats = np.clip(np.median(seen, axis=0), *_GAIN_LIMITS).astype(np.float32)
    if known is None:
        return gain
    step = gain / known
    change = float(np.abs(np.log(step)).max())
    # An object that covers most of what was ground a frame ago differs in colour, or leaves little ground.
    doubtful = (change > _SUDDEN and not is_lamp(gain, known)) or (change > _DRIFT and share_seen < _ENOUGH_GROUND)
    return known if doubtful else gain


def _row_gains(ratio: Floats, usable: npt.NDArray[np.bool_], height: int) -> Floats | None:
    """The median factor of each row, from pixels that keep their colour: (height,), or None where few rows tell."""
    mean = (ratio[..., 0] + ratio[..., 1] + ratio[..., 2]) / 3
    spread = _largest(ratio) + _largest(-ratio)
    low, high = _BAND_LIMITS
    candidates = usable & (spread < _COLOUR_SHARE * mean) & (mean > low) & (mean < high)
    counts = np.count_nonzero(candidates, axis=1)
    known = counts >= _LEAST_ROW_PX
    if np.count_nonzero(known) < 0.25 * len(known):
        return None
    ordered = np.sort(np.where(candidates, mean, np.float32(np.inf)), axis=1)
    middle = ordered[np.arange(len(counts)), np.maximum(counts - 1, 0) // 2]
    positions = np.flatnonzero(known)
    return _smoothed(np.interp(np.arange(height) / 2, positions, middle[positions]).astype(np.float32))


def _smoothed(rows: Floats) -> Floats | None:
    """Smooth factors of rows, or None where they change more abruptly than light does."""
    padded = np.pad(rows, _SMOOTHED_ROWS // 2, mode="edge")
    smooth: Floats = np.convolve(padded, np.full(_SMOOTHED_ROWS, 1 / _SMOOTHED_ROWS), "valid").astype(np.float32)
    return smooth if float(np.abs(np.diff(smooth)).max()) <= _STEEPEST else None


def compare_bands(seen: Explained, other: Pixels, limit: float) -> Explained:
    """Evens out flicker bands by the mean of each row: cheap, and right where nothing lies."""
    height = other.shape[0]
    here, there = (
        cv2.reduce(picture.reshape(height, -1), 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F).ravel() + 1
        for picture in (seen.picture, other)
    )
    rows = _smoothed((there / here).astype(np.float32))
    if rows is None:
        return seen
    lit = multiply(seen.picture, np.ones(3, np.float32), rows)
    differs = difference(lit, other)
    return Explained(lit, differs, above(differs, limit), seen.gain)


def explain_shift(seen: Explained, other: Pixels, limit: float) -> Explained:
    """Moves the picture back to where the other was taken, if that explains much of the difference.

    Phase correlation finds whole pixels (Kuglin and Hines, "The phase correlation image alignment method", 1975),
    two steps of Lucas and Kanade's method the rest.
    """
    first, second = (cv2.cvtColor(p, cv2.COLOR_BGR2GRAY).astype(np.float32) for p in (other, seen.picture))
    window = _window(first.shape[1], first.shape[0])
    (across, down), _ = cv2.phaseCorrelate(first, second, window)
    if max(abs(across), abs(down)) > _LARGEST_SHIFT_PX:
        return seen
    slopes: Any = tuple(cv2.Sobel(first, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    shift = _refined(first, second, slopes, (across, down))
    if max(abs(shift[0]), abs(shift[1])) < _LEAST_SHIFT_PX:
        return seen
    moved = shifted(seen.picture, shift)
    # A fraction of a pixel that is still wrong shows at the ground's own edges.
    uncertain = cv2.convertScaleAbs(cv2.magnitude(*slopes), alpha=_UNCERTAIN_PX)
    differs: Pixels = cv2.subtract(difference(moved, other), uncertain)  # type: ignore[assignment]
    # What came in over the border was not in the other picture.
    _blank_border(differs, *shift)
    moved_back = Explained(moved, differs, above(differs, limit), seen.gain, shift)
    return moved_back if moved_back.share < _WORTHWHILE * seen.share else seen


@cache
def _window(width: int, height: int) -> Floats:
    return cv2.createHanningWindow((width, height), cv2.CV_32F).astype(np.float32)


def _refined(
    first: Floats, second: Floats, slopes: tuple[Floats, ...], shift: tuple[float, float]
) -> tuple[float, float]:
    for _ in range(2):
        error: Floats = shifted(second, shift) - first
        # Objects differ far more than a shift of the ground does, and must not decide.
        weight = (np.abs(error) < _LARGEST_ERROR).astype(np.float32)
        x, y = slopes[0] * weight, slopes[1] * weight
        xx, xy, yy = float((x * slopes[0]).sum()), float((x * slopes[1]).sum()), float((y * slopes[1]).sum())
        determinant = xx * yy - xy * xy
        if determinant < 1:
            return shift
        ex, ey = float((x * error).sum()), float((y * error).sum())
        step = ((yy * ex - xy * ey) / determinant, (xx * ey - xy * ex) / determinant)
        if max(abs(step[0]), abs(step[1])) > 1:
            return shift
        shift = (shift[0] - step[0], shift[1] - step[1])
    return shift


def shifted(picture: Any, shift: tuple[float, float]) -> Any:
    """Takes back a shift by so many columns and rows; the border is repeated."""
    if shift == (0.0, 0.0):
        return picture
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _blank_border(differs: Pixels, across: float, down: float) -> None:
    columns, rows = int(np.ceil(abs(across))), int(np.ceil(abs(down)))
    if columns:
        differs[:, -columns:] = 0
        differs[:, :columns] = 0
    if rows:
        differs[-rows:] = 0
        differs[:rows] = 0


def overexposed(picture: Pixels, other: Pixels) -> bool:
    """Whether much of a picture is overexposed that is not in the other. Every sixteenth pixel is looked at."""
    here, there = (p[::4, ::4] >= _OVEREXPOSED for p in (picture, other))
    pixels = here.size // 3
    # There are no more such pixels than channels, and those are counted at a third of the cost.
    if np.count_nonzero(here) <= _MUCH_OVEREXPOSED * pixels:
        return False
    shares = [np.count_nonzero(bright.any(axis=2)) / pixels for bright in (here, there)]
    return bool(shares[0] > _MUCH_OVEREXPOSED and shares[0] - shares[1] > _MUCH_OVEREXPOSED)


def too_dark(mean: Floats) -> bool:
    """Whether a picture of this mean colour holds no light to compare."""
    return float(mean.sum()) / 3 < _LEAST_LEVEL
