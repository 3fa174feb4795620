"""The set of pictures that one conversion is calibrated on: chosen, looked over, partly altered, and written down."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sorter.cli import warn
from sorter.converters.options import CalibrationOptions
from sorter.converters.representative import choose, load_pictures
from sorter.dataset import Dataset, Photo
from sorter.errors import DatasetError
from sorter.files import write_csv
from sorter.image import InputSpec, Pixels

LEAST = 10
"""Ranges from fewer pictures are guesswork."""

FEW = 50
"""Below this the user is told that more would be better."""

POOL = 400
"""Pictures that are looked at, at most, until ranges settle."""

ALTERED_EVERY = 5
"""Of the pictures each fifth is made darker or brighter, so that ranges cover other light than that of the photos."""

GAINS = (0.6, 1.4)
"""What the pixels of an altered picture are multiplied by, in turn: about two thirds of an f-stop, half a stop."""


@dataclass(frozen=True)
class CalibrationSet:
    """Pictures in the order in which they are used, so that a shorter set is a beginning of a longer one.

    Attributes:
        photos: Where they come from.
        gains: What the pixels of each were multiplied by; 1 for most.
        pixels: Prepared, uint8 RGB (n, height, width, 3).
    """

    photos: tuple[Photo, ...]
    gains: tuple[float, ...]
    pixels: Pixels

    def shortened(self, count: int) -> "CalibrationSet":
        """The first ``count`` pictures."""
        return CalibrationSet(self.photos[:count], self.gains[:count], self.pixels[:count])

    def record(self, seed: int) -> dict[str, Any]:
        """What the manifest keeps: numbers, seed, and a digest over names, gains and pixels."""
        digest = hashlib.sha256()
        for photo, gain in zip(self.photos, self.gains, strict=True):
            digest.update(f"{photo.filename}\t{photo.label}\t{gain}\n".encode())
        digest.update(np.ascontiguousarray(self.pixels).tobytes())
        return {
            "pictures": len(self.photos),
            "classes": dict(sorted(Counter(photo.label for photo in self.photos).items())),
            "altered": sum(gain != 1 for gain in self.gains),
            "seed": seed,
            "sha256": digest.hexdigest(),
        }

    def write(self, path: Path) -> None:
        """Lists the pictures in a CSV file: filename, label, gain.

        Raises:
            StorageError: It cannot be written.
        """
        rows = zip(self.photos, self.gains, strict=True)
        write_csv(path, ("filename", "label", "gain"), ((p.filename, p.label, gain) for p, gain in rows))


def gather_calibration(
    dataset: Dataset, labels: Sequence[str], spec: InputSpec, options: CalibrationOptions
) -> CalibrationSet:
    """Draws and reads pictures, as many as may be needed.

    Args:
        dataset: What quantisation may see.
        labels: Of the network.
        spec: Its input.
        options: How many, and which.

    Raises:
        DatasetError: There are too few, or they look already scaled.
    """
    chosen = choose(dataset, options.samples or POOL, options.seed)
    require_enough(len(chosen), dataset.root)
    photos, pixels = load_pictures(chosen, spec, "Reading photos to calibrate on")
    _refuse_scaled(pixels, dataset.root)
    kept = _distinct(photos, pixels)
    require_enough(len(kept), dataset.root)
    if len(kept) < FEW:
        warn(f"Only {len(kept)} photos to calibrate on; 100 or more give better ranges.")
    photos = [photos[i] for i in kept]
    _warn_if_unbalanced(photos, labels)
    return _alter(photos, pixels[kept])


def require_enough(count: int, root: Path) -> None:
    """Refuses a folder with too few photos.

    Raises:
        DatasetError: It has fewer than ``LEAST``.
    """
    if count < LEAST:
        raise DatasetError(
            f"Only {count} different photos to calibrate on in {root}: ranges of so few are guesswork.",
            f"Give {LEAST} or more, better 100, of all classes; of a run's photos only its training part counts.",
        )


def _refuse_scaled(pixels: Pixels, root: Path) -> None:
    brightest = pixels.reshape(len(pixels), -1).max(axis=1)
    if np.mean(brightest <= 2) > 0.5:
        raise DatasetError(
            f"The photos in {root} are nearly black: no pixel is above 2 of 255.",
            "They look already scaled to 0..1; give the original photos, the network scales inside.",
        )
    # Numbers from -1 to 1 stored as bytes wrap round: 255, 0 and 1 are left of them.
    few = [np.isin(picture, (0, 1, 254, 255)).all() for picture in pixels]
    if np.mean(few) > 0.5:
        raise DatasetError(
            f"The photos in {root} have no shades: every pixel is 0, 1 or 255.",
            "They look already scaled to -1..1; give the original photos, the network scales inside.",
        )


def _distinct(photos: Sequence[Photo], pixels: Pixels) -> list[int]:
    """Positions of pictures that are not the same as one before; says how many are left out."""
    first: dict[bytes, int] = {}
    for i, picture in enumerate(pixels):
        first.setdefault(hashlib.sha256(picture.tobytes()).digest(), i)
    kept = sorted(first.values())
    if len(kept) < len(photos):
        repeated = next(i for i in range(len(photos)) if i not in set(kept))
        warn(
            f"{len(photos) - len(kept)} of {len(photos)} photos to calibrate on are copies of others "
            f"(for example {photos[repeated].filename}); they are left out.",
            "sorter-audit finds all copies.",
        )
    return kept


def _warn_if_unbalanced(photos: Sequence[Photo], labels: Sequence[str]) -> None:
    counts = Counter(photo.label for photo in photos)
    missing = [label for label in labels if label not in counts]
    if missing:
        warn(f"No photos to calibrate on for {', '.join(missing)}: their ranges are guessed from the others.")
        return
    (most, many), (least, few) = counts.most_common(1)[0], min(counts.items(), key=lambda item: item[1])
    if few * 4 < many:
        warn(f"Photos to calibrate on are unbalanced: {many} of {most}, {few} of {least}.")


def _alter(photos: Sequence[Photo], pixels: Pixels) -> CalibrationSet:
    gains = tuple(
        GAINS[i // ALTERED_EVERY % len(GAINS)] if i % ALTERED_EVERY == ALTERED_EVERY - 1 else 1.0
        for i in range(len(photos))
    )
    altered = pixels.copy()
    for i, gain in enumerate(gains):
        if gain != 1:
            altered[i] = np.clip(np.rint(pixels[i] * np.float32(gain)), 0, 255).astype(np.uint8)
    return CalibrationSet(tuple(photos), gains, altered)
