"""Trainings that are killed, and go on as if nothing had happened."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.cli import INTERRUPTED
from sorter.trainer.cli import train
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("tensorflow", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SMALL = ("--model", "toy-4conv", "--image-size", "32", "--batch-size", "8", "--epochs", "40", "--seed", "3")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("disc", "square"):
        for i in range(20):
            # Noise makes it take more than a few epochs.
            noise = np.random.default_rng(i).normal(0, 60, (60, 80, 3))
            save_picture(root / label / f"{i}.png", np.clip(draw_picture(label, i) + noise, 0, 255).astype(np.uint8))
    return root


def run_train(photos: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(train, [str(photos), "--out", str(out), *SMALL, *more])


def kill_after(line: str, photos: Path, out: Path, signal_number: int) -> int:
    """Starts a real training, sends the signal when its messages hold ``line``; gives the exit code."""
    code = "from sorter.trainer.cli import train; train()"
    command = [sys.executable, "-c", code, str(photos), "--out", str(out), *SMALL]

    def heed_interrupts() -> None:
        # Whoever started the tests in the background may have had them ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=heed_interrupts
    ) as process:
        assert process.stderr is not None
        for message in process.stderr:
            if line in message:
                process.send_signal(signal_number)
                break
        process.stderr.read()
        return process.wait(60)


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def weights(run: Path) -> list[Any]:
    from sorter.trainer.networks import load_network

    return list(load_network(run / "model.keras").get_weights())


@pytest.fixture(scope="module")
def uninterrupted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert run_train(photos, out).exit_code == 0
    return out


def assert_same_run(one: Path, other: Path) -> None:
    assert history(one) == history(other)
    assert all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert (one / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()


def test_the_same_seed_gives_the_same_run_to_the_bit(photos: Path, uninterrupted: Path, tmp_path: Path) -> None:
    assert run_train(photos, tmp_path / "again").exit_code == 0
    assert_same_run(tmp_path / "again", uninterrupted)


def test_a_killed_training_goes_on_to_the_same_bits(photos: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out, copy = tmp_path / "run", tmp_path / "photos"
    shutil.copytree(photos, copy)
    assert kill_after("Epoch 4/", copy, out, signal.SIGKILL) == -signal.SIGKILL
    assert not (out / "sorter.json").exists()
    stored = (out / ".checkpoint" / "epoch.npz").read_bytes()

    refused = run_train(copy, out)
    assert refused.exit_code == 12 and "unfinished training" in refused.stderr and "--resume" in refused.stderr
    options = run_train(copy, out, "--resume", "--seed", "4", "--epochs", "50")
    assert options.exit_code == 3
    assert "schedule.epochs was 40 and is 50" in options.stderr and "seed was 3 and is 4" in options.stderr
    save_picture(copy / "disc" / "1.png", draw_picture("disc", 77))
    data = run_train(copy, out, "--resume")
    assert data.exit_code == 4 and "disc/1.png" in data.stderr
    assert (out / ".checkpoint" / "epoch.npz").read_bytes() == stored

    shutil.copy(photos / "disc" / "1.png", copy / "disc" / "1.png")
    resumed = run_train(copy, out, "--resume")
    assert resumed.exit_code == 0 and "Going on after epoch" in resumed.stderr
    assert_same_run(out, uninterrupted)
    assert {p.name for p in out.iterdir()} == {p.name for p in uninterrupted.iterdir()}
    finished = run_train(copy, out, "--resume")
    assert finished.exit_code == 12 and "earlier run" in finished.stderr


def test_an_interrupted_run_can_be_used_and_gone_on_with(photos: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert kill_after("Epoch 3/", photos, out, signal.SIGINT) == INTERRUPTED
    assert json.loads((out / "sorter.json").read_bytes())["recipe"]["ending"] == "interrupted"
    assert len(history(out)) < len(history(uninterrupted))
    assert run_train(photos, out, "--resume").exit_code == 0
    assert_same_run(out, uninterrupted)
    assert not (out / ".checkpoint").exists()


def test_with_nothing_to_resume_training_begins(photos: Path, tmp_path: Path) -> None:
    result = run_train(photos, tmp_path / "run", "--resume", "--epochs", "1")
    assert result.exit_code == 0 and "beginning anew" in result.stderr
