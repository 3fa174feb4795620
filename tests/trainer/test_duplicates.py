from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.image import Pixels, read_image
from sorter.trainer.duplicates import find_groups, find_near_pairs, make_thumbnail


def scene(seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)


def groups(*pictures: Pixels) -> list[int]:
    return [int(g) for g in find_groups(np.stack([make_thumbnail(p) for p in pictures]))]


def moved(picture: Pixels) -> Pixels:
    return np.asarray(
        cv2.warpAffine(picture, np.array([[1, 0, 4.0], [0, 1, -3.0]]), (320, 240), borderMode=cv2.BORDER_REFLECT),
        np.uint8,
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p,
        lambda p: cv2.resize(p, (200, 150)),
        lambda p: cv2.convertScaleAbs(p, alpha=0.8, beta=20),
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR),
        moved,
    ],
    ids=["copy", "smaller", "lighter", "compressed", "moved"],
)
def test_changed_copies_join_their_original(change: object) -> None:
    assert callable(change)
    assert groups(scene(1), scene(2), change(scene(1)), scene(3)) == [0, 1, 0, 3]


def test_neighbours_of_neighbours_are_one_group() -> None:
    first = scene(4)
    assert groups(first, moved(first), moved(moved(first))) == [0, 0, 0]


def test_different_scenes_stay_apart() -> None:
    assert groups(*(scene(seed) for seed in range(60))) == list(range(60))


def disc(seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    picture = np.full((240, 320, 3), 90, np.uint8)
    centre = (int(rng.integers(120, 200)), int(rng.integers(90, 150)))
    return np.asarray(cv2.circle(picture, centre, int(rng.integers(40, 80)), (60, 160, 220), -1), np.uint8)


def test_round_things_on_plain_ground_are_no_burst_of_hundreds() -> None:
    thumbnails = np.stack([make_thumbnail(disc(seed)) for seed in range(300)])
    pairs = find_near_pairs(thumbnails)
    assert len({*pairs.first.tolist(), *pairs.second.tolist()}) > 250
    assert (pairs.first < pairs.second).all() and pairs.bits.max() <= 12 and pairs.correlation.min() >= 0.8
    sizes = np.unique(find_groups(thumbnails), return_counts=True)[1]
    assert sizes.max() < 60


def test_a_long_burst_stays_together() -> None:
    frames = [cv2.convertScaleAbs(scene(6), alpha=1 - i / 400) for i in range(80)]
    assert set(groups(*frames, scene(7))) == {0, 80}  # type: ignore[arg-type]


def test_no_photos_have_no_groups() -> None:
    assert find_groups(np.empty((0, 32, 32), np.float32)).tolist() == []


def test_real_bursts_join_and_other_objects_do_not(trashnet: Path) -> None:
    pairs = [
        ("glass/glass115.jpg", "metal/metal91.jpg"),
        ("paper/paper345.jpg", "paper/paper451.jpg"),
        ("glass/glass161.jpg", "plastic/plastic450.jpg"),
    ]
    pictures = [read_image(trashnet / name) for pair in pairs for name in pair]
    assert groups(*pictures) == [0, 0, 2, 2, 4, 5]
