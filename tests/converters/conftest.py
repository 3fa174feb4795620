"""A small trained run that the tests of conversion share."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from sorter.converters.worker_process import WorkerProcess
from tests.conftest import COLORS_BGR, draw_disc


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("convert") / "photos"
    for c, (label, color) in enumerate(COLORS_BGR.items()):
        (root / label).mkdir(parents=True)
        for i in range(24):
            cv2.imwrite(str(root / label / f"{i}.png"), draw_disc(color, seed=100 * c + i))
    return root


@pytest.fixture(scope="session")
def run(photos: Path) -> Path:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("conversion needs the train extra")
    folder = photos.parent / "run"
    script = Path(__file__).with_name("tiny_run.py")
    subprocess.run([sys.executable, script, photos, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def worker() -> Iterator[WorkerProcess]:
    with WorkerProcess() as process:
        yield process
