"""The board's health, read from recorded trees."""

import os
import subprocess
from pathlib import Path

import pytest

from sorter.edge.service.board import Board, BoardLimits

PI = {
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "52582\n",
}
"""A Raspberry Pi 4 at rest: the files of its tree that are read here."""

THROTTLED, ALARM = next(iter(PI)), "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
TEMPERATURE = "sys/class/thermal/thermal_zone0/temp"


def write_tree(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def read(root: Path, **changes: str) -> tuple[str, ...]:
    write_tree(
        root, PI | {{"throttled": THROTTLED, "alarm": ALARM, "temp": TEMPERATURE}[k]: v for k, v in changes.items()}
    )
    return Board(root, BoardLimits(free_bytes=0), root).read()


def test_all_is_well(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"throttled": "50005\n", "alarm": "1\n"}, ["voltage is too low"]),
        ({"alarm": "1\n"}, ["voltage is too low"]),
        ({"throttled": "50000\n"}, ["was too low at some moment"]),
        ({"throttled": "e0006\n", "temp": "85100\n"}, ["slowed down because it is too hot (85 °C)"]),
        ({"throttled": "80008\n", "temp": "62000\n"}, ["too hot (62 °C)"]),
        ({"temp": "81400\n"}, ["is hot (81 °C) and will be"]),
        ({"throttled": "20002\n"}, ["slowed down by its firmware"]),
        ({"throttled": "50005\n", "temp": "90000\n"}, ["voltage", "hot (90 °C)"]),
    ],
)
def test_what_a_person_should_know(tmp_path: Path, changes: dict[str, str], words: list[str]) -> None:
    found = read(tmp_path, **changes)
    assert len(found) == len(words)
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


@pytest.mark.parametrize("garbage", ["", "\n", "EIO", "ÿ", "-5\n"])
def test_unreadable_sensors_say_nothing(tmp_path: Path, garbage: str) -> None:
    assert read(tmp_path, throttled=garbage if garbage != "-5\n" else "", alarm=garbage, temp=garbage) == ()


def test_another_computer_is_silent(tmp_path: Path) -> None:
    assert Board(tmp_path, BoardLimits(free_bytes=0), tmp_path / "no-such-root").read() == ()


def test_this_computer_can_be_asked() -> None:
    assert isinstance(Board(Path("/")).read(), tuple)


def test_files_are_read_once_in_a_while(tmp_path: Path) -> None:
    write_tree(tmp_path, PI)
    board = Board(tmp_path, BoardLimits(free_bytes=0), tmp_path, interval_s=10)
    assert board.warnings(0.0) == ()
    write_tree(tmp_path, {ALARM: "1"})
    assert board.warnings(9.0) == ()
    assert len(board.warnings(10.0)) == 1


def test_a_disk_that_fills(tmp_path: Path) -> None:
    (sentence,) = Board(tmp_path, BoardLimits(free_bytes=1 << 62), tmp_path).read()
    assert "MB are free" in sentence and str(tmp_path) in sentence


def test_a_disk_without_room_for_files(tmp_path: Path) -> None:
    """A real, tiny file system with no inode left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.geteuid() == 0
        and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1M,nr_inodes=2", "tmpfs", disk], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("no file system can be mounted here (needs root)")
    try:
        (disk / "last").touch()
        (sentence,) = Board(disk, BoardLimits(free_bytes=0), tmp_path).read()
        assert "no more files" in sentence
    finally:
        subprocess.run(["umount", disk], check=True)
