"""A network's known answer: what it says of a few drawn pictures. It finds out a machine that computes it wrongly.

LiteRT has different kernels for different processors, and a wrong one does not fail but answers: LiteRT 2.1.6 on an
ARM64 emulated with all its extensions (QEMU 7.2, ``-cpu max``) took every photo for the same class, int8 networks
only. The converter stores what the network said where its accuracy was measured; the device asks again before it
trusts it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sorter.classifier import Classifier
from sorter.image import InputSpec, Pixels
from sorter.metrics import Probabilities

MOST_DIFFERENCE = 0.25
"""Kernels that are right differ by up to 0.09 (int8: with and without XNNPACK, tflite-runtime, x86-64 and ARM64), those
that were wrong by 0.64 and more."""

_PICTURES = 4


def draw(spec: InputSpec) -> list[Pixels]:
    """The pictures: waves, rings and checks in whole numbers, which every machine draws alike.

    Returns:
        uint8 RGB (height, width, 3) each, of the input's size.
    """
    y, x = np.mgrid[0 : spec.height, 0 : spec.width].astype(np.int32)
    x, y = x * 256 // spec.width, y * 256 // spec.height
    return [_draw_one(x, y, number) for number in range(_PICTURES)]


def _draw_one(x: npt.NDArray[np.int32], y: npt.NDArray[np.int32], number: int) -> Pixels:
    planes = []
    for channel in range(3):
        stripes = _wave(x * (1 + (number + channel) % 3) + y * (2 + (2 * number + channel) % 4) + 97 * number)
        rings = _wave(((x - 128) ** 2 + (y - 128) ** 2) // (40 + 24 * channel) + 150 * number)
        checks = 96 * ((x // 32 + y // 32 + channel + number) % 2)
        planes.append((stripes * (1 + number % 2) + rings * (2 - number % 2) + checks) * 255 // (3 * 255 + 96))
    return np.stack(planes, axis=2).astype(np.uint8)


def _wave(phase: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """A triangular wave from 0 to 255."""
    phase = phase % 512
    return np.where(phase < 256, phase, 511 - phase)


def ask(classifier: Classifier, spec: InputSpec) -> list[Probabilities]:
    """What a classifier says of the pictures: float32 (classes,) each."""
    frames = [np.ascontiguousarray(picture[:, :, ::-1]) for picture in draw(spec)]
    return [classifier.classify(frame).probabilities for frame in frames]


def difference(answers: Sequence[npt.ArrayLike], known: Sequence[npt.ArrayLike]) -> float:
    """How much of the probability lies on other classes, in the picture where that is most (total variation).

    Args:
        answers: Probabilities (classes,) for each picture.
        known: Those that are known.

    Returns:
        0 where all agree, 1 where one could not differ more or is no number.
    """
    moved = np.abs(np.asarray(answers, np.float64) - np.asarray(known, np.float64)).sum(axis=1) / 2
    return float(np.nan_to_num(moved, nan=1.0).max())
