"""A platform in a process of its own: seen through HTTP, emptied through a pseudo-terminal, killed sorters survived."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from sorter.edge.sim_cli import sim
from sorter.edge.simulation.fruit import FRUITS
from sorter.edge.simulation.stream import PictureStream
from sorter.errors import CameraError, ConfigError
from sorter.models import find_model

SMALL = "sim:?fps=100&width=320&height=240&speed=2&patience_s=4"
COMMAND = [sys.executable, "-c", "from sorter.edge.sim_cli import sim; sim()", "platform"]
RUN = [sys.executable, "-c", "from sorter.edge.cli import run; run()", "--model", str(find_model("fruit-demo-int8"))]


class Running:
    """The program, and what it prints first."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.truth_path = folder / "truth.json"
        command = [*COMMAND, "--truth", str(self.truth_path), "--truth-interval", "0.1", "--link", str(folder / "arm")]
        self.process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        assert self.process.stdout is not None
        self.url, self.port = (self.process.stdout.readline().strip() for _ in range(2))

    def truth(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.truth_path.read_text())
        return content

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=60)[1]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: str) -> Running:
        started.append(Running(tmp_path, *options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


def wait_for(condition: Callable[[], bool], explain: Callable[[], str] = str, timeout_s: float = 120.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, explain()
        time.sleep(0.02)


def test_a_sorter_is_killed_and_another_goes_on(tmp_path: Path, platform: Callable[..., Running]) -> None:
    bins = [f"--bin={label}={number}" for number, label in enumerate(FRUITS, start=1)]
    # Empty long enough for a sorter on a busy computer to see it so before an object comes.
    running = platform("--camera", f"{SMALL}&first_s=5&empty_s=3", "--arm", "sim:?move_s=0.1", *bins)
    assert running.port == str(tmp_path / "arm")
    sorter = [*RUN, "--camera", running.url, "--port", running.port, "--journal", str(tmp_path / "journal.db")]
    said = tmp_path / "said.txt"
    with said.open("w") as file, subprocess.Popen(sorter, stdout=file, stderr=file) as first:
        try:
            wait_for(lambda: running.truth_path.exists() and running.truth()["motions"] >= 2, said.read_text)
        finally:
            first.kill()
    # Killed with an object on the platform, the next sorter would learn it as empty: let it be taken away first.
    wait_for(lambda: all(visit["left_at_s"] for visit in running.truth()["objects"]))
    second = subprocess.run([*sorter, "--objects", "3"], capture_output=True, text=True, timeout=240)
    assert second.returncode == 0, second.stderr
    process_said = running.stop()
    assert "Bins: apple 1" in process_said
    truth = running.truth()
    assert truth["motions"] >= 5 and truth["score"]["doubled"] == 0
    assert truth["score"]["right"] >= 4 and truth["score"]["seen"] == len(truth["objects"])
    assert not (tmp_path / "arm").is_symlink()


def test_nothing_comes_while_nobody_watches(platform: Callable[..., Running]) -> None:
    running = platform("--camera", SMALL, "--grace", "0.2")
    time.sleep(1)
    assert running.truth()["objects"] == []
    with urllib.request.urlopen(running.url, timeout=60) as stream:
        assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        wait_for(lambda: bool(stream.read(1000)) and bool(running.truth()["objects"]))


def test_a_snapshot_and_the_truth_on_demand(tmp_path: Path, platform: Callable[..., Running]) -> None:
    running = platform("--camera", SMALL, "--truth-interval", "600")
    with urllib.request.urlopen(f"{running.url}snapshot.jpg", timeout=60) as answer:
        picture = cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (240, 320, 3)
    running.process.send_signal(signal.SIGHUP)
    wait_for(running.truth_path.exists)
    assert running.truth()["reject_bin"] == 0


def test_it_is_unplugged_and_comes_back(platform: Callable[..., Running]) -> None:
    running = platform("--camera", f"{SMALL}&vanish=1&vanish_s=0.5")
    for _ in range(2):
        with urllib.request.urlopen(running.url, timeout=60) as stream:
            while stream.read(4096):
                pass
        wait_for(lambda: _answers(running.url))
        assert running.process.poll() is None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}snapshot.jpg", timeout=5) as answer:
            return bool(answer.read())
    except OSError:
        return False
    except Exception as error:  # http.client: closed without an answer
        assert "closed" in str(error) or "Incomplete" in type(error).__name__
        return False


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--camera", "rtsp://x"], "not a simulated device"),
        (["--camera", "sim:?frezee=1"], "freeze"),
        (["--camera", "sim:?freeze=2"], "between 0 and 1"),
        (["--camera", "sim:?width=100"], "impossible"),
        (["--arm", "sim:?bins=0"], "bins"),
        (["--bin", "pear=1"], "pear"),
    ],
)
def test_wrong_options(options: list[str], reason: str) -> None:
    result = CliRunner().invoke(sim, ["platform", *options])
    assert result.exit_code == ConfigError.exit_code
    assert reason in result.output and "Traceback" not in result.output


def test_a_port_that_is_taken() -> None:
    stream = PictureStream()
    stream.start()
    port = stream.url.rstrip("/").rsplit(":", 1)[1]
    result = CliRunner().invoke(sim, ["platform", "--http-port", port])
    assert result.exit_code == CameraError.exit_code and "Hint" in result.output
    stream.stop()
