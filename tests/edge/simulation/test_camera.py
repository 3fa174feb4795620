import time
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.dataset import open_dataset, write_split
from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.exhibit import Preloaded, photographs, rendered_fruits, take_turns
from sorter.edge.simulation.fruit import FRUITS
from sorter.edge.simulation.light import Light
from sorter.errors import CameraError, ConfigError, DatasetError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of plain photos, 3:2, and one upright photo."""
    root = tmp_path / "my photos"
    for label, level in (("dark", 40), ("light", 220)):
        (root / label).mkdir(parents=True)
        for number in range(4):
            shape = (90, 60, 3) if number == 3 else (60, 90, 3)
            cv2.imwrite(str(root / label / f"{number}.png"), np.full(shape, level, np.uint8))
    return root


def test_frames_and_truth_of_fruits() -> None:
    simulation = make_simulation("sim:?fps=200&speed=20&patience_s=0.05", objects=3)
    with simulation.camera as camera:
        frames = []
        while (frame := camera.read()) is not None:
            frames.append(frame)
    assert camera.live
    assert {frame.image.shape for frame in frames} == {(480, 640, 3)}
    assert all(a.number < b.number and a.captured_at_s < b.captured_at_s for a, b in pairwise(frames))
    assert len(simulation.world.ledger) == 3 and simulation.world.finished
    assert all(visit.missed and visit.label in FRUITS for visit in simulation.world.ledger)


def test_photos_fill_the_frame(photos: Path) -> None:
    simulation = make_simulation(f"sim:{photos}?speed=1000&noise=0&flicker=0&patience_s=1")
    world, now_s, rest = simulation.world, 0.0, {}
    while not world.finished:
        picture = world.frame(now_s)
        if world.phase == "resting":
            rest[world.ledger[-1].name] = picture
            world.take(0, now_s)
        now_s += 0.01
    assert len(rest) == 8
    for name, picture in rest.items():
        assert picture.shape == (480, 720, 3)
        level = 40 if name.startswith("dark") else 220
        share = (picture == level).all(axis=2).mean()
        assert share > 0.99 if not name.endswith("3.png") else 0.3 < share < 0.6


def test_photos_on_a_belt_that_does_not_stop_come_from_the_left_with_ground_around_them(photos: Path) -> None:
    address = f"sim:{photos}?moving=1&every_s=4&arrive_s=1&empty_s=0.1&cover=0.7&noise=0&flicker=0&width=640&height=480"
    world = make_simulation(address).world
    world.frame(0.0)
    for number in range(8):
        begin_s = 0.1 + 4 * number
        early, middle, late = (world.frame(begin_s + s) for s in (0.6, 1.0, 1.4))
        level = 40 if world.ledger[-1].name.startswith("dark") else 220
        columns = [
            np.flatnonzero((picture == level).all(axis=2).sum(axis=0) > 100) for picture in (early, middle, late)
        ]
        assert columns[0].mean() < columns[1].mean() - 60 < columns[2].mean() - 120
        assert abs(columns[1].mean() - 320) < 10
        height = (middle == level).all(axis=2).sum(axis=0).max()
        assert height == pytest.approx(0.7 * 480, abs=40)
        assert len(world.ledger) == number + 1


def test_only_one_part_of_the_photos(photos: Path, tmp_path: Path) -> None:
    dataset = open_dataset(photos)
    split = tmp_path / "split.csv"
    parts = ["train", "train", "test", "validation"] * 2
    write_split(split, [replace(p, subset=s) for p, s in zip(dataset.photos, parts, strict=True)])  # type: ignore[arg-type]
    simulation = make_simulation(f"sim:{photos}?split={split}&subset=test&speed=1000&patience_s=0")
    for step in range(40):
        simulation.world.frame(step / 100)
    assert sorted(visit.name for visit in simulation.world.ledger) == ["dark/2.png", "light/2.png"]


def test_classes_take_turns(photos: Path) -> None:
    dataset = open_dataset(photos)
    order = [photo.label for photo in take_turns(dataset.photos, np.random.default_rng(1))]
    assert len(order) == 8
    assert all(set(order[i : i + 2]) == {"dark", "light"} for i in range(0, 8, 2))


def test_unreadable_photos_are_left_out(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photos / "dark" / "broken.jpg").write_bytes(b"no picture")
    shown = list(photographs(open_dataset(photos).photos, 1, (90, 60)))
    assert len(shown) == 8
    assert "broken.jpg" in caplog.text


def test_same_seed_same_objects() -> None:
    light = Light.vary(np.random.default_rng(1))
    first, again = (rendered_fruits(5, (64, 48), light) for _ in range(2))
    for _ in range(6):
        one, other = next(first), next(again)
        assert one.label == other.label and one.corner == other.corner
        assert (one.sprite.picture == other.sprite.picture).all()


def test_a_round_has_every_fruit_once() -> None:
    fruits = rendered_fruits(2, (64, 48), Light.vary(np.random.default_rng(1)))
    assert sorted(next(fruits).label for _ in range(6)) == list(FRUITS)


def test_preloading_passes_errors_on_and_can_be_closed() -> None:
    def failing() -> "object":
        raise DatasetError("gone")
        yield

    preloaded = Preloaded(failing())  # type: ignore[arg-type]
    with pytest.raises(DatasetError):
        next(preloaded)
    light = Light.vary(np.random.default_rng(1))
    endless = Preloaded(rendered_fruits(1, (64, 48), light))
    labels = []
    for _ in range(6):
        labels.append(next(endless).label)
        endless.close()
        endless.close()
    assert sorted(labels) == list(FRUITS)  # closing loses nothing


def test_preloading_ends() -> None:
    light = Light.vary(np.random.default_rng(1))
    preloaded = Preloaded(islice(rendered_fruits(1, (64, 48), light), 4))
    assert len(list(preloaded)) == 4
    assert next(preloaded, None) is None
    preloaded.close()
    assert next(preloaded, None) is None


def test_closed_camera() -> None:
    camera = make_simulation("sim:").camera
    with pytest.raises(CameraError, match="not open"):
        camera.read()
    with camera:
        assert camera.read() is not None
        before_s = time.monotonic()
        frame = camera.read()
        assert frame is not None and frame.captured_at_s >= before_s


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sim:?fsp=30", "fsp"),
        ("sim:?fps=0", "frames a second"),
        ("sim:?speed=0", "speed"),
        ("sim:?seed=x", "whole number"),
        ("sim:?subset=test", "folder"),
        ("rtsp://x", "simulated"),
    ],
)
def test_wrong_addresses(address: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_simulation(address)


def test_wrong_folders(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        make_simulation(f"sim:{tmp_path}/none")
    with pytest.raises(ConfigError, match="no part"):
        make_simulation(f"sim:{photos}?subset=tset")
    with pytest.raises(DatasetError, match="no photos"):
        make_simulation(f"sim:{photos}?subset=test")
