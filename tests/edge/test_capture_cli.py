"""``sorter-capture`` as a person starts it."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

from sorter.dataset import open_dataset
from sorter.edge.capture_cli import capture
from sorter.errors import CameraError, ConfigError, StorageError
from sorter.photo_names import object_of
from tests.conftest import draw_disc

PROGRAM = [sys.executable, "-c", "from sorter.edge.capture_cli import capture; capture()"]


def shoot(out: Path, *arguments: str, camera: str = "sim:?speed=2&empty_s=0.8", label: str = "auto") -> Result:
    return CliRunner().invoke(capture, ["--camera", camera, "--label", label, "--out", str(out), *arguments])


def summary(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    content: dict[str, Any] = json.loads(result.stdout)
    return content


def photos_in(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*") if path.is_file())


def test_one_photo_of_each_object_lies_in_the_folder_of_its_label(tmp_path: Path) -> None:
    told = summary(shoot(tmp_path, "--count", "5", "--json", camera="sim:?speed=2&empty_s=0.8&seed=7"))
    assert told["photos"] == told["objects"] == 5
    assert Counter(path.parent.name for path in photos_in(tmp_path)) == told["labels"]
    assert len({object_of(path) for path in photos_in(tmp_path)}) == 5
    for path in photos_in(tmp_path):
        picture = cv2.imread(str(path))
        assert picture is not None and picture.shape == (480, 640, 3)
    assert len(open_dataset(tmp_path).photos) == 5


def test_the_photos_of_a_burst_share_their_objects_number(tmp_path: Path) -> None:
    arguments = ("--count", "6", "--burst", "3", "--burst-every", "0.1", "--format", "png")
    result = shoot(tmp_path, *arguments, label="fruit")
    assert result.exit_code == 0, result.output
    assert "6 photos of 2 objects" in result.stdout and "object    2.3" in result.stdout
    names = photos_in(tmp_path / "fruit")
    assert {path.suffix for path in names} == {".png"}
    assert sorted(Counter(map(object_of, names)).values()) == [3, 3]


def test_existing_photos_are_never_touched(tmp_path: Path) -> None:
    for _ in range(2):
        before = {path: path.read_bytes() for path in photos_in(tmp_path)}
        assert shoot(tmp_path, "--count", "2").exit_code == 0
        assert all(path.read_bytes() == content for path, content in before.items())
    assert len(photos_in(tmp_path)) == 4


def test_the_source_ends(tmp_path: Path) -> None:
    assert summary(shoot(tmp_path, "--json", camera="sim:?speed=2&empty_s=0.8&objects=2"))["photos"] == 2


def test_the_runs_configuration_gives_camera_region_and_rotation(tmp_path: Path) -> None:
    config = tmp_path / "sorter.toml"
    config.write_text(
        '[camera]\nsource = "sim:?speed=2&empty_s=0.8"\nrotation = 90\nregion = "0,0.1,1,0.5"\n[bins]\nreject = 3\n'
    )
    arguments = ["--config", str(config), "--label", "auto", "--out", str(tmp_path / "out"), "--count", "1"]
    result = CliRunner().invoke(capture, arguments)
    assert result.exit_code == 0, result.output
    (photo,) = photos_in(tmp_path / "out")
    picture = cv2.imread(str(photo))
    assert picture is not None and picture.shape == (320, 480, 3)


def test_a_camera_must_be_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(capture, ["--label", "apple", "--out", str(tmp_path)])
    assert result.exit_code == 2 and "--camera" in result.stderr


def test_a_folder_of_pictures_gets_a_label(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / "loose" / f"{i}.png"), draw_disc((0, 0, 200), i))
    told = summary(shoot(tmp_path / "out", "--json", camera=str(tmp_path / "loose"), label="red disc"))
    assert told["photos"] == 3 and told["labels"] == {"red disc": 3}


def test_every_few_seconds_and_what_is_wrong_with_the_photos(tmp_path: Path) -> None:
    camera = "sim:?empty_s=1000&noise=1"
    result = shoot(tmp_path, "--every", "0.1", "--count", "3", camera=camera, label="nothing")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("nearly identical to the previous one") == 2
    assert "look at these:" in result.stdout


def test_ctrl_c_ends_it_with_a_summary(tmp_path: Path) -> None:
    arguments = ["--camera", "sim:?speed=2&empty_s=0.8", "--label", "auto", "--out", str(tmp_path)]
    process = subprocess.Popen([*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert "object    1.1" in first
    assert process.returncode == 130 and "Stopped." in err and "Traceback" not in err
    assert "photos of" in out
    assert all(path.read_bytes()[-2:] == b"\xff\xd9" for path in photos_in(tmp_path))


def test_enter_takes_a_photo_on_a_real_terminal(tmp_path: Path) -> None:
    arguments = ["--camera", "sim:", "--label", "apple", "--key", "--out", str(tmp_path)]
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.close(terminal)
    assert process.stderr is not None and process.stdout is not None
    assert "Press Enter" in process.stderr.readline()
    for number in (1, 2):
        os.write(controller, b"\n")
        assert f"object {number:>4}.1" in process.stdout.readline()
    os.write(controller, b"q\n")
    out, _ = process.communicate(timeout=120)
    os.close(controller)
    assert process.returncode == 130
    assert "2 photos of 2 objects" in out and len(photos_in(tmp_path / "apple")) == 2


def test_a_full_disk_ends_it_with_whole_photos(small_disk: Path) -> None:
    result = shoot(small_disk / "photos", "--format", "png", label="apple")
    assert result.exit_code == StorageError.exit_code
    assert "the disk is full" in result.stderr and "Hint:" in result.stderr and "photos of" in result.stdout
    for path in photos_in(small_disk / "photos"):
        assert not path.name.startswith(".") and cv2.imread(str(path)) is not None


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ({"label": "../evil"}, ConfigError.exit_code, "cannot be the name of a folder"),
        ({"label": ".hidden"}, ConfigError.exit_code, "cannot be the name of a folder"),
        ({"label": ""}, ConfigError.exit_code, "cannot be the name of a folder"),
        ({"camera": "nowhere", "label": "x"}, CameraError.exit_code, "neither a camera nor a file"),
        ({"camera": "97", "label": "x"}, CameraError.exit_code, "does not exist"),
        ({"camera": "0", "label": "auto"}, ConfigError.exit_code, "knows labels"),
        ({"extra": ["--every", "1"]}, ConfigError.exit_code, "knows labels"),
        ({"label": "x", "extra": ["--every", "1", "--key"]}, ConfigError.exit_code, "contradict"),
        ({"label": "x", "extra": ["--key"]}, ConfigError.exit_code, "needs a terminal"),
        ({"label": "x", "camera": "FOLDER", "extra": ["--burst", "2"]}, ConfigError.exit_code, "each picture once"),
        ({"label": "x", "extra": ["--trigger", "arm"]}, ConfigError.exit_code, "No arm announces"),
        ({"label": "x", "extra": ["--trigger", "motoin"]}, ConfigError.exit_code, "must be one of"),
        ({"label": "x", "extra": ["--config", "nowhere.toml"]}, ConfigError.exit_code, "cannot be read"),
        ({"label": "x", "extra": ["--region", "0,0,2,9999"]}, CameraError.exit_code, "of 640x480 pixels"),
        ({"label": "x", "extra": ["--out", "/proc/nowhere"]}, StorageError.exit_code, "Cannot write"),
    ],
    ids=str,
)
def test_bad_input_takes_no_photo(tmp_path: Path, arguments: dict[str, Any], code: int, reason: str) -> None:
    extra = arguments.pop("extra", [])
    if arguments.get("camera") == "FOLDER":
        arguments["camera"] = str(tmp_path)
    result = shoot(tmp_path / "out", "--count", "1", *extra, **arguments)
    assert result.exit_code == code, result.output
    assert reason in result.stderr and "Traceback" not in result.stderr
    assert "Hint:" in result.stderr
    assert not photos_in(tmp_path)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from sorter.edge.capture_cli import capture\n"
        "try: capture(['--help'])\nexcept SystemExit as e: assert e.code == 0\nprint(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "click" in loaded
    assert not loaded & {"numpy", "cv2", "rich", "tensorflow", "keras", "matplotlib", "serial", "sqlite3", "asyncio"}
