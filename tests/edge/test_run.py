"""``sorter-run`` as a person starts it: simulated platform, folder, video, arm on a terminal; every way to end."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest
from click.testing import CliRunner, Result

from sorter.edge.cli import run
from sorter.edge.simulation.camera import make_simulation
from sorter.edge.simulation.fruit import FRUITS
from sorter.errors import ArmError, BundleError, CameraError, ConfigError, StorageError
from sorter.models import find_model

MODEL = find_model("fruit-demo-int8")


def sort(
    tmp_path: Path, *arguments: str, camera: str = "sim:?speed=2&patience_s=60", port: str = "sim:?move_s=0.1"
) -> Result:
    common = ["--camera", camera, "--port", port, "--journal", str(tmp_path / "journal.db")]
    if "--model" not in arguments:
        common += ["--model", str(MODEL)]
    return CliRunner().invoke(run, [*common, *arguments])


def outcomes(tmp_path: Path) -> list[str]:
    database = sqlite3.connect(tmp_path / "journal.db")
    found = [row[0] for row in database.execute("SELECT outcome FROM object ORDER BY id")]
    database.close()
    return found


def summary(result: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(result.stdout)
    return content


@pytest.fixture(scope="session")
def fruit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    from sorter.edge.simulation.fruit import render_object

    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(99)
    for i, label in enumerate(FRUITS):
        cv2.imwrite(str(folder / f"{i}_{label}.png"), render_object(label, rng, (320, 240)))
    return folder


def test_each_object_gets_one_command_to_its_bin(tmp_path: Path) -> None:
    result = sort(tmp_path, "--objects", "6", "--json", camera="sim:?speed=2&seed=7")
    assert result.exit_code == 0, result.output
    told = summary(result)
    assert told["truth"]["seen"] == told["objects"] == 6
    assert told["truth"]["missed"] == told["truth"]["doubled"] == told["truth"]["unfinished"] == 0
    assert told["truth"]["right"] >= 5
    assert outcomes(tmp_path) == ["completed"] * 6
    assert {"classify", "frame to command", "acknowledge", "move"} <= set(told["latency_ms"])


def test_the_table_shows_objects_and_the_summary(tmp_path: Path) -> None:
    result = sort(tmp_path, "--objects", "2")
    assert result.exit_code == 0, result.output
    assert "classify" in result.stdout and "ms" in result.stdout
    assert "Against the simulation's truth: 2 seen" in result.stdout
    assert "p50" in result.stdout and "p99" in result.stdout


def test_an_unsure_network_rejects(tmp_path: Path) -> None:
    result = sort(tmp_path, "--objects", "2", "--threshold", "1", "--margin", "1", "--reject-bin", "7", "--json")
    told = summary(result)
    assert told["rejected"] == 2 and told["bins"] == {"7": 2}
    assert told["truth"]["rejected"] == 2


def test_a_folder_is_sorted_picture_by_picture(tmp_path: Path, fruit_folder: Path) -> None:
    result = sort(tmp_path, camera=str(fruit_folder), port="sim:?move_s=0.01")
    assert result.exit_code == 0, result.output
    assert outcomes(tmp_path) == ["completed"] * 6
    right = sum(f"{i}_{label}.png" in result.stdout for i, label in enumerate(FRUITS))
    assert right == 6


def test_a_video_is_sorted_as_if_it_happened_now(tmp_path: Path) -> None:
    """A film of a platform from which nothing is ever taken: three objects come and go by themselves."""
    world = make_simulation("sim:?patience_s=1.2&empty_s=0.5&arrive_s=0.3&seed=3", objects=3).world
    writer = cv2.VideoWriter(str(tmp_path / "belt.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (640, 480))
    now_s = 0.0
    while not world.finished:
        writer.write(world.frame(now_s))
        now_s += 0.04
    writer.release()
    result = sort(tmp_path, "--json", camera=str(tmp_path / "belt.avi"), port="sim:?move_s=0.1")
    assert result.exit_code == 0, result.output
    assert summary(result)["outcomes"] == {"completed": 3}


@pytest.fixture
def pty_arm(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Gives a function that starts ``sorter-sim arm`` as a program of its own, and returns its port."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> str:
        command = [sys.executable, "-c", "from sorter.edge.sim_cli import sim; sim()", "arm", "-v", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def test_a_serial_device_works_like_the_simulated_arm(tmp_path: Path, pty_arm: Callable[..., str]) -> None:
    port = pty_arm("--move-s", "0.1")
    result = sort(tmp_path, "--objects", "3", "--json", port=port)
    assert result.exit_code == 0, result.output
    told = summary(result)
    assert told["truth"]["seen"] == 3 and told["truth"]["doubled"] == told["truth"]["missed"] == 0
    # The arm remembers: a second run goes on counting and moves it again.
    again = sort(tmp_path, "--objects", "2", "--json", port=port)
    assert summary(again)["outcomes"] == {"completed": 2}
    database = sqlite3.connect(tmp_path / "journal.db")
    assert [row[0] for row in database.execute("SELECT sequence FROM object ORDER BY id")] == [1, 2, 3, 4, 5]
    database.close()


def test_a_bad_line_sorts_all_the_same(tmp_path: Path) -> None:
    port = "sim:?move_s=0.05&drop=0.15&corrupt=0.15&duplicate=0.15&seed=5"
    told = summary(sort(tmp_path, "--objects", "5", "--json", port=port))
    assert told["outcomes"] == {"completed": 5}
    assert told["truth"]["doubled"] == told["truth"]["missed"] == 0


def test_a_jam_ends_the_run_with_the_arm_stopped(tmp_path: Path) -> None:
    result = sort(tmp_path, "--objects", "3", port="sim:?move_s=0.1&jam=1")
    assert result.exit_code == ArmError.exit_code
    assert "jam" in result.stderr and "Hint:" in result.stderr
    assert outcomes(tmp_path) == ["failed"]
    assert "1 seen" in result.stdout


def test_an_arm_that_was_stopped_waits_for_a_person(tmp_path: Path, pty_arm: Callable[..., str]) -> None:
    port = pty_arm("--move-s", "0.1")
    with open(port, "wb", buffering=0) as line:  # noqa: PTH123 - a terminal, written to as a person would
        line.write(b"STOP\n")
        time.sleep(0.3)
    refused = sort(tmp_path, "--objects", "1", port=port)
    assert refused.exit_code == ArmError.exit_code
    assert "was stopped" in refused.stderr and "--clear-stop" in refused.stderr
    assert sort(tmp_path, "--objects", "1", "--clear-stop", port=port).exit_code == 0


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_with_a_command_in_flight(tmp_path: Path, signal_number: signal.Signals) -> None:
    arguments = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=30", "--model", str(MODEL)]
    command = [sys.executable, "-c", "from sorter.edge.cli import run; run()", *arguments, "--journal"]
    journal = tmp_path / "journal.db"
    process = subprocess.Popen([*command, str(journal)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and not (journal.exists() and _acknowledged(journal)):
        time.sleep(0.05)
    process.send_signal(signal_number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Stopped." in err and "Traceback" not in err
    assert "Objects: 1 failed" in out
    assert outcomes(tmp_path) == ["failed"]  # the arm itself said that it was interrupted


def _acknowledged(journal: Path) -> bool:
    database = sqlite3.connect(journal)
    try:
        return bool(database.execute("SELECT 1 FROM object WHERE acknowledged_at IS NOT NULL").fetchone())
    except sqlite3.OperationalError:
        return False
    finally:
        database.close()


def test_killed_and_started_again(tmp_path: Path) -> None:
    arguments = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=30", "--model", str(MODEL)]
    command = [sys.executable, "-c", "from sorter.edge.cli import run; run()", *arguments, "--journal"]
    journal = tmp_path / "journal.db"
    process = subprocess.Popen([*command, str(journal)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and not (journal.exists() and _acknowledged(journal)):
        time.sleep(0.05)
    process.kill()
    process.wait()
    result = sort(tmp_path, "--objects", "1")
    assert result.exit_code == 0
    assert "A command was under way when an earlier run ended: unknown" in result.stderr
    assert outcomes(tmp_path) == ["unknown", "completed"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ({"camera": "nowhere"}, CameraError.exit_code, "neither a camera nor a file"),
        ({"camera": "97"}, CameraError.exit_code, "does not exist"),
        ({"camera": "sim:?sped=3"}, ConfigError.exit_code, "speed"),
        ({"port": "/dev/ttyUSB97"}, ArmError.exit_code, "does not exist"),
        ({"port": "sim:?silent=1"}, ArmError.exit_code, "Hint:"),
        ({"port": "sim:?bins=4"}, ConfigError.exit_code, "bins 0 to 3"),
        ({"extra": ["--model", "nothing.tflite"]}, BundleError.exit_code, "does not exist"),
        ({"extra": ["--bin", "pear=1"]}, ConfigError.exit_code, "no label 'pear'"),
        ({"extra": ["--journal", "/proc/nowhere/j.db"]}, StorageError.exit_code, "Cannot write"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_moves_nothing(tmp_path: Path, arguments: dict[str, Any], code: int, reason: str) -> None:
    extra = arguments.pop("extra", [])
    result = sort(tmp_path, "--objects", "1", *extra, **arguments)
    assert result.exit_code == code, result.output
    assert reason in result.stderr and "Hint:" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "journal.db").exists() or outcomes(tmp_path) == []


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['sorter-run']\n{code}\nprint('\\n' + ' '.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_device_never_loads_tensorflow(tmp_path: Path) -> None:
    arguments = ["--camera", "sim:?speed=2", "--port", "sim:?move_s=0.1", "--model", str(MODEL), "--objects", "1"]
    arguments += ["--journal", str(tmp_path / "j.db")]
    loaded = modules_after(f"from sorter.edge.cli import run; run({arguments!r}, standalone_mode=False)")
    assert "sorter.edge.runtime" in loaded
    assert not loaded & {"tensorflow", "keras", "matplotlib", "pandas", "sklearn", "rich"}


@pytest.mark.parametrize(
    "command",
    ["edge.cli:run", "edge.sim_cli:sim", "trainer.cli:train", "converters.cli:convert", "benchmarks.cli:bench"],
)
def test_help_loads_nothing_heavy(command: str) -> None:
    module, name = command.split(":")
    loaded = modules_after(
        f"from sorter.{module} import {name}\ntry: {name}(['--help'])\nexcept SystemExit as e: assert e.code == 0"
    )
    assert "click" in loaded
    assert not loaded & {"numpy", "cv2", "rich", "tensorflow", "keras", "matplotlib", "serial", "sqlite3", "asyncio"}
