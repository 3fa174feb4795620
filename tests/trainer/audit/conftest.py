"""Photos of discs, squares and crosses that nothing but their shape tells apart."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.image import Pixels
from tests.trainer.conftest import save_picture

LABELS = ("cross", "disc", "square")

Change = Callable[[str, Pixels, np.random.Generator], Pixels]


def draw_scene(label: str, seed: int, width: int = 96, height: int = 80) -> Pixels:
    """One shape of any colour on any ground, in the middle: uint8 BGR."""
    rng = np.random.default_rng((LABELS.index(label), seed))
    coarse = rng.integers(30, 220, (6, 8, 3), dtype=np.uint8)
    picture = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    color, radius = rng.integers(0, 256, 3).tolist(), int(rng.integers(12, 18))
    x, y = width // 2 + int(rng.integers(-8, 9)), height // 2 + int(rng.integers(-6, 7))
    if label == "disc":
        cv2.circle(picture, (x, y), radius, color, -1)
    elif label == "square":
        cv2.rectangle(picture, (x - radius, y - radius), (x + radius, y + radius), color, -1)
    else:
        for dx, dy in ((1, 1), (1, -1)):
            start, end = (x - dx * radius, y - dy * radius), (x + dx * radius, y + dy * radius)
            cv2.line(picture, start, end, color, 9)
    return picture


def write_scenes(root: Path, per_class: int = 60, change: Change | None = None) -> Path:
    """Class folders of scenes, each changed if wanted."""
    for c, label in enumerate(LABELS):
        rng = np.random.default_rng((7, c))
        for i in range(per_class):
            picture = draw_scene(label, i)
            save_picture(root / label / f"{i:03d}.png", change(label, picture, rng) if change else picture)
    return root


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set without any fault; not to be changed."""
    return write_scenes(tmp_path_factory.mktemp("clean") / "photos")
