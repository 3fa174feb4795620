"""Small drawn photos: red discs and blue squares on noise, each of its own place, size and light."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from sorter.image import Pixels


def draw_picture(label: str, seed: int, width: int = 80, height: int = 60) -> Pixels:
    rng = np.random.default_rng((seed, len(label)))
    coarse = rng.integers(60, 200, (6, 8, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    x, y = int(rng.integers(width // 3, 2 * width // 3)), int(rng.integers(height // 3, 2 * height // 3))
    radius = int(rng.integers(min(width, height) // 6, min(width, height) // 4))
    if label.startswith("disc"):
        cv2.circle(picture, (x, y), radius, (20, 20, 230), -1)
    else:
        cv2.rectangle(picture, (x - radius, y - radius), (x + radius, y + radius), (230, 40, 20), -1)
    return picture.astype(np.uint8)


def save_picture(path: Path, picture: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    done, encoded = cv2.imencode(path.suffix, picture)
    assert done
    path.write_bytes(encoded.tobytes())


@pytest.fixture
def make_photos(tmp_path: Path) -> Callable[..., Path]:
    """Writes class folders of drawn photos: make_photos(disc=10, square=10)."""

    def make(folder: str = "photos", **counts: int) -> Path:
        root = tmp_path / folder
        for label, count in counts.items():
            for i in range(count):
                save_picture(root / label / f"{label} {i:03d}.png", draw_picture(label, i))
        return root

    return make
