"""Keeping pictures: real files, a real full disk, runs after one another, hostile labels."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sorter.edge.decision import Decision, DecisionOptions
from sorter.edge.keep_options import KeepOptions
from sorter.edge.keeping import Origin, PictureKeeper, is_uncertain
from sorter.edge.objects import SortedObject
from sorter.edge.pictures import Picture, RecentPictures
from sorter.edge.shelf import RECORDS_NAME, Shelf
from sorter.errors import ConfigError, StorageError
from sorter.image import Pixels
from sorter.photo_names import photo_name
from tests.conftest import draw_disc

LABELS = ("apple", "lemon", "plum")
ORIGIN = Origin("2026-01-31T14:05:09+00:00", "abc", LABELS, DecisionOptions(threshold=0.7, margin=0.1))


def make_object(number: int = 1, label: str = "apple", at: float = 1_769_868_309.25, best: float = 0.6) -> SortedObject:
    rest = (1 - best) / 2
    decision = Decision(label, best, (best, rest, rest), 0, "probability 0.60 below 0.70" if best < 0.7 else "")
    return SortedObject(number, 10 + number, 5, "", decision, 20 + number, at, 0.01, 0.02)


def noise(seed: int, side_px: int = 128) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (side_px, side_px, 3), np.uint8)


def pictures_in(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg") if not path.name.startswith(".")
    )


def records_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / RECORDS_NAME).read_text("utf-8").splitlines()]


class Run:
    """One run of a keeper, with a clock wound by hand; pictures are handed over one at a time."""

    def __init__(self, folder: Path, origin: Origin = ORIGIN, **options: Any) -> None:
        self.now_s = 0.0
        self.warnings: list[str] = []
        options = {"what": "all", "min_free_megabytes": 0.0, **options}
        self.keeper = PictureKeeper(KeepOptions(folder, **options), origin, lambda: self.now_s, self.warnings.append)
        self.keeper.start()

    def add(self, seen: SortedObject, image: Pixels) -> str | None:
        before = self.keeper.kept + self.keeper.dropped
        path = self.keeper.path_for(seen)
        self.keeper.add(seen, image)
        while path is not None and self.keeper.kept + self.keeper.dropped == before:
            threading.Event().wait(0.002)
        return path


def test_a_picture_and_its_record(tmp_path: Path) -> None:
    run = Run(tmp_path)
    path = run.add(make_object(3), draw_disc((0, 0, 255), 1))
    run.keeper.stop()
    assert path is not None and path.startswith("apple/20260131T140509.250Z_") and path.endswith("_000003.jpg")
    assert pictures_in(tmp_path) == [path]
    picture = cv2.imread(str(tmp_path / path))
    assert picture is not None and picture.shape == (48, 64, 3)
    (record,) = records_in(tmp_path)
    assert record["picture"] == path
    assert record["probabilities"] == {"apple": 0.6, "lemon": 0.2, "plum": 0.2}
    assert (record["label"], record["bin"], record["row"], record["sequence"]) == ("apple", 0, 13, 23)
    assert record["rejected"].startswith("probability") and record["model_sha256"] == "abc"
    assert record["run"] == ORIGIN.run


@pytest.mark.parametrize(
    ("probabilities", "uncertain"),
    [
        ((0.95, 0.03, 0.02), False),
        ((0.79, 0.11, 0.10), True),  # nearly below the threshold of 0.7
        ((0.80, 0.20, 0.00), True),  # on the edge of near
        ((0.81, 0.10, 0.09), False),
        ((0.30, 0.30, 0.40), True),
        ((1.0,), False),
    ],
)
def test_uncertain_is_near_the_threshold_or_the_margin(probabilities: tuple[float, ...], uncertain: bool) -> None:
    decision = Decision("apple", max(probabilities), probabilities, 1)
    assert is_uncertain(decision, ORIGIN.decision, near=0.1) is uncertain


def test_near_the_margin_is_uncertain_too() -> None:
    decision = Decision("apple", 0.58, (0.58, 0.42, 0.0), 1)
    assert is_uncertain(decision, DecisionOptions(threshold=0.1, margin=0.1), near=0.1)
    assert not is_uncertain(decision, DecisionOptions(threshold=0.1, margin=0.0), near=0.1)


def test_only_what_is_wanted_is_kept(tmp_path: Path) -> None:
    run = Run(tmp_path, what="uncertain")
    assert run.add(make_object(1, best=0.99), noise(1)) is None
    assert run.add(make_object(2, best=0.6), noise(2)) is not None
    run.keeper.stop()
    assert len(pictures_in(tmp_path)) == run.keeper.kept == 1
    nothing = Run(tmp_path / "none", what="none")
    assert nothing.add(make_object(), noise(1)) is None
    nothing.keeper.stop()
    assert not (tmp_path / "none").exists()


def test_a_new_network_changes_what_is_uncertain_and_recorded(tmp_path: Path) -> None:
    run = Run(tmp_path, what="uncertain")
    run.keeper.origin = replace(ORIGIN, model_sha256="new", decision=DecisionOptions(threshold=0.0, margin=0.0))
    assert run.add(make_object(1), noise(1)) is None
    run.keeper.origin = replace(ORIGIN, model_sha256="new")
    assert run.add(make_object(2), noise(1)) is not None
    run.keeper.stop()
    assert records_in(tmp_path)[0]["model_sha256"] == "new"


@pytest.mark.parametrize("label", ["../../evil", "/etc/passwd", "..", ".hidden", "a/b", "x" * 400, "CON:", "%2e%2e"])
def test_hostile_labels_cannot_leave_the_folder(tmp_path: Path, label: str) -> None:
    folder = tmp_path / "deep" / "kept"
    run = Run(folder)
    path = run.add(make_object(label=label), noise(1))
    run.keeper.stop()
    assert path is not None and (folder / path).is_file()
    assert (folder / path).resolve().parent.parent == folder.resolve()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep"]
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["kept"]
    assert records_in(folder)[0]["label"] == label


def test_the_oldest_make_room_also_after_a_restart_and_a_clock_that_jumps_back(tmp_path: Path) -> None:
    first = Run(tmp_path, max_files=3)
    kept = [first.add(make_object(n, at=2e9 + n), noise(n)) for n in (1, 2, 3, 4)]
    first.keeper.stop()
    assert pictures_in(tmp_path) == sorted(filter(None, kept[1:]))
    # The device's clock has lost years. What is written now is newest all the same, also for the run after this one.
    second = Run(tmp_path, max_files=3)
    kept.append(second.add(make_object(1, at=1e9), noise(5)))
    second.keeper.stop()
    third = Run(tmp_path, max_files=3)
    kept.append(third.add(make_object(1, at=1e9), noise(6)))
    third.keeper.stop()
    assert len(set(kept)) == 6, "equal times and numbers, and yet different names"
    assert pictures_in(tmp_path) == sorted(filter(None, kept[3:]))


def test_megabytes_are_bounded_and_the_records_with_them(tmp_path: Path) -> None:
    run = Run(tmp_path, max_megabytes=1.0)
    for n in range(60):
        run.add(make_object(n, label=LABELS[n % 3]), noise(n))
    run.keeper.stop()
    total = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert run.keeper.kept == 60 and run.keeper.dropped == 0
    assert 0.8e6 < total < 1.1e6
    shelf = Shelf(tmp_path, 10**6, 10**6)
    shelf.open()
    assert len(shelf) == len(pictures_in(tmp_path)) < 60 and shelf.size_bytes <= 10**6
    shelf.close()


def test_records_of_removed_pictures_go_too(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 10**6, max_files=5)
    shelf.open()
    for n in range(300):
        shelf.put(f"{LABELS[n % 3]}/{photo_name(1e9, '00000001', n)}", b"picture", {})
    shelf.close()
    assert len(records_in(tmp_path)) < 250
    assert len(pictures_in(tmp_path)) == 5


def test_a_class_folder_that_became_empty_goes(tmp_path: Path) -> None:
    run = Run(tmp_path, max_files=2)
    for n, label in enumerate(("apple", "lemon", "lemon")):
        run.add(make_object(n, label=label), noise(n))
    run.keeper.stop()
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORDS_NAME, "lemon"]


def test_other_files_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "apple").mkdir()
    (tmp_path / "apple" / "holiday.jpg").write_bytes(b"mine")
    run = Run(tmp_path, max_files=1)
    for n in range(3):
        run.add(make_object(n), noise(n))
    run.keeper.stop()
    assert "apple/holiday.jpg" in pictures_in(tmp_path) and len(pictures_in(tmp_path)) == 2


def test_what_a_power_cut_left_behind_is_tidied_up(tmp_path: Path) -> None:
    run = Run(tmp_path)
    path = run.add(make_object(1), noise(1))
    run.keeper.stop()
    assert path is not None
    (tmp_path / "apple" / f".{Path(path).name}.k3x9_a2b.jpg").write_bytes(b"half a pic")
    with (tmp_path / RECORDS_NAME).open("a") as file:
        file.write('{"picture": "apple/2026')
    again = Run(tmp_path)
    again.add(make_object(2), noise(2))
    again.keeper.stop()
    assert [record["number"] for record in records_in(tmp_path)] == [1, 2]
    assert len([p for p in (tmp_path / "apple").iterdir()]) == 2


def test_killed_while_writing_leaves_whole_pictures_only(tmp_path: Path) -> None:
    code = f"""
import sys, numpy as np
from pathlib import Path
from tests.edge.test_keeping import Run, make_object, noise
run = Run(Path({str(tmp_path)!r}))
picture = noise(1, 400)
print("ready", flush=True)
for n in range(100000):
    run.add(make_object(n), picture)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    while len(pictures_in(tmp_path)) < 5:
        assert process.poll() is None
        threading.Event().wait(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    run = Run(tmp_path)
    run.keeper.stop()
    found = pictures_in(tmp_path)
    assert len(found) >= 5
    for name in found:
        assert (tmp_path / name).read_bytes()[-2:] == b"\xff\xd9", "a JPEG ends with this mark"
    assert not [p for p in (tmp_path / "apple").iterdir() if p.name.startswith(".")]


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="space"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_a_full_disk_ends_pictures_with_one_warning_until_there_is_space_again(small_disk: Path) -> None:
    folder = small_disk / "kept"
    run = Run(folder)
    before = run.add(make_object(1), noise(1))
    ballast = fill(small_disk)
    for n in range(2, 6):
        run.now_s += 60
        run.add(make_object(n), noise(n))
    assert run.keeper.kept == 1 and run.keeper.dropped == 4
    assert "the disk is full" in run.keeper.trouble
    assert len(run.warnings) == 1
    assert pictures_in(folder) == [before] and len(records_in(folder)) == 1
    ballast.unlink()
    run.add(make_object(6), noise(6))
    assert run.keeper.trouble, "the disk is left in peace for a while"
    run.now_s += 60
    after = run.add(make_object(7), noise(7))
    run.keeper.stop()
    assert run.keeper.trouble == "" and len(run.warnings) == 1
    assert pictures_in(folder) == sorted(filter(None, [before, after]))
    assert [record["number"] for record in records_in(folder)] == [1, 7]


def test_a_disk_that_is_full_from_the_start_stops_nothing(small_disk: Path) -> None:
    ballast = fill(small_disk)
    run = Run(small_disk / "kept")
    run.add(make_object(1), noise(1))
    assert run.keeper.trouble and len(run.warnings) == 1
    ballast.unlink()
    run.now_s += 60
    run.add(make_object(2), noise(2))
    run.keeper.stop()
    assert run.keeper.kept == 1 and not run.keeper.trouble


def test_room_for_the_picture_but_not_for_its_record(small_disk: Path) -> None:
    folder = small_disk / "kept"
    shelf = Shelf(folder, 10**9, 10**6)
    shelf.open()
    shelf.put(f"apple/{photo_name(1e9, '00000001', 1)}", b"x", {"filler": "y" * 3000})
    ballast = fill(small_disk)
    os.truncate(ballast, ballast.stat().st_size - 4096)
    with pytest.raises(StorageError, match="the disk is full"):
        shelf.put(f"apple/{photo_name(1e9, '00000001', 2)}", b"x", {"filler": "y" * 3000})
    shelf.close()
    assert len(pictures_in(folder)) == len(records_in(folder)) == len(shelf) == 1


def test_little_free_space_ends_pictures_before_the_disk_is_full(small_disk: Path) -> None:
    run = Run(small_disk / "kept", min_free_megabytes=3.0)
    run.add(make_object(1), noise(1))
    run.keeper.stop()
    assert run.keeper.trouble.startswith("Only 2 MB are free") and "no pictures" in run.keeper.trouble
    assert pictures_in(small_disk) == []


def test_a_folder_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a folder is needed"):
        Run(tmp_path / "file")
    running = Run(tmp_path / "kept")
    with pytest.raises(StorageError, match="Another running sorter"):
        Run(tmp_path / "kept")
    running.keeper.stop()
    Run(tmp_path / "kept").keeper.stop()


def test_a_folder_that_vanishes_comes_back(tmp_path: Path) -> None:
    run = Run(tmp_path / "kept")
    run.add(make_object(1), noise(1))
    for path in sorted((tmp_path / "kept").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "kept").rmdir()
    run.add(make_object(2), noise(2))
    run.keeper.stop()
    assert len(pictures_in(tmp_path / "kept")) == 1


def test_add_never_waits_for_the_disk(tmp_path: Path) -> None:
    blocked = Run(tmp_path)
    held = Picture(noise(1))
    with held._lock:  # the thread that encodes stands still, as on a disk that does not answer
        for n in range(20):
            blocked.keeper.add(make_object(n), held)
        assert blocked.keeper.dropped >= 15
    blocked.keeper.stop()
    assert blocked.keeper.kept + blocked.keeper.dropped == 20


def test_ring_and_keeper_share_one_encoding(tmp_path: Path) -> None:
    run, ring = Run(tmp_path), RecentPictures(2)
    ring.start()
    picture = Picture(noise(1))
    path = run.keeper.path_for(make_object(1))
    run.keeper.add(make_object(1), picture)
    ring.add(1, picture)
    ring.add(2, noise(2))
    ring.add(3, noise(3))
    run.keeper.stop()
    ring.stop()
    assert path is not None
    assert (tmp_path / path).read_bytes() == picture.jpeg()
    assert picture.jpeg() is picture.jpeg()
    assert ring.jpeg(1) is None and ring.jpeg(2) and ring.jpeg(3)


def test_what_cannot_be_encoded_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.add(make_object(1), np.zeros((0, 0, 3), np.uint8))
    run.add(make_object(2), noise(2))
    run.keeper.stop()
    assert (run.keeper.kept, run.keeper.dropped) == (1, 1)


@pytest.mark.parametrize(
    "options",
    [{"what": "some"}, {"near": 2}, {"quality": 0}, {"max_megabytes": 0}, {"max_files": 0}, {"min_free_megabytes": -1}],
    ids=str,
)
def test_impossible_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        KeepOptions(**options)


def test_kept_pictures_are_a_data_set(tmp_path: Path, make_dataset: Callable[..., Path]) -> None:
    from sorter.dataset import open_dataset

    run = Run(tmp_path / "kept")
    for n in range(6):
        run.add(make_object(n, label=LABELS[n % 2]), noise(n))
    run.keeper.stop()
    assert open_dataset(tmp_path / "kept").count() == {"apple": 3, "lemon": 3}
