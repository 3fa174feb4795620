"""What several tests share: drawn pictures, a small data set, the shared photographs where they are."""

import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.image import Pixels

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

COLORS_BGR = {"blue": (200, 60, 40), "green": (60, 190, 70), "red": (50, 50, 210)}


def pytest_configure() -> None:
    """Lets the programs that tests start hear Ctrl-C, also where these tests run in the background of a shell."""
    # Such a shell has its children ignore SIGINT, which they hand on to theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def draw_disc(color_bgr: tuple[int, int, int], seed: int, size: tuple[int, int] = (64, 48)) -> Pixels:
    """A noisy disc of one colour on grey, uint8 BGR (height, width, 3)."""
    rng = np.random.default_rng(seed)
    width, height = size
    picture = np.full((height, width, 3), 128, np.uint8)
    centre = (int(rng.integers(width // 3, 2 * width // 3)), int(rng.integers(height // 3, 2 * height // 3)))
    cv2.circle(picture, centre, height // 3, color_bgr, -1)
    noisy = picture + rng.normal(0, 6, picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Gives a function that draws a data set of coloured discs: three classes that any network can tell apart."""

    def make(per_class: int = 8, name: str = "photos", labels: tuple[str, ...] = tuple(COLORS_BGR)) -> Path:
        root = tmp_path / name
        for c, label in enumerate(labels):
            (root / label).mkdir(parents=True)
            color = list(COLORS_BGR.values())[c % len(COLORS_BGR)]
            for i in range(per_class):
                _, encoded = cv2.imencode(".png", draw_disc(color, seed=1000 * c + i))
                encoded.tofile(root / label / f"{label}_{i:03d}.png")
        return root

    return make


@pytest.fixture
def trashnet() -> Path:
    """The shared TrashNet photographs."""
    folder = SHARED / "data" / "trashnet"
    if not folder.is_dir():
        pytest.skip(f"the shared photographs are not here ({folder.name})")
    return folder
