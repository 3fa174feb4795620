"""``sorter-tune`` as a user runs it: real searches over drawn photos, at a tiny size."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.trainer.recipe_file import read_recipe
from sorter.trainer.tune_cli import tune
from tests.trainer.test_cli import HEAVY, assert_explained

SMALL = ("--image-size", "16", "--epochs", "2")

slow = pytest.mark.slow

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # Keras Tuner's own lock.
    pytest.mark.filterwarnings("ignore:(currentThread|getName|setName):DeprecationWarning"),
    # scikit-learn's Gaussian process, fitted by Keras Tuner to few points.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture(autouse=True)
def needs_keras_tuner(request: pytest.FixtureRequest) -> None:
    pytest.importorskip("tensorflow", reason="needs TensorFlow")
    pytest.importorskip("keras_tuner", reason="needs Keras Tuner")


def run_tune(*arguments: object) -> Result:
    return CliRunner().invoke(tune, [str(a) for a in arguments])


def read_trials(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def start_tune(log: Path, *arguments: object, **environment: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from sorter.trainer.tune_cli import tune; tune()", *map(str, arguments)]
    with log.open("wb") as sink:
        return subprocess.Popen(command, stdout=sink, stderr=sink, env={**os.environ, **environment})


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['sorter-tune', '--help']\nfrom sorter.trainer.tune_cli import tune\n"
        "try:\n    tune()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {(*HEAVY, 'keras_tuner', 'cv2')!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_bad_input_is_said_in_a_sentence(
    make_dataset: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, out = make_dataset(), tmp_path / "out"
    assert_explained(run_tune(tmp_path / "nowhere", "--out", out), 4, "does not exist")
    assert_explained(run_tune(photos, "--out", out, "--split", "50/50"), 3, "sum to 100")
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    assert_explained(run_tune(photos, "--out", out), 3, "KERASTUNER_ORACLE_PORT is not")


@slow
@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_a_search_gives_a_recipe_that_can_be_trained(
    make_dataset: Callable[..., Path], tmp_path: Path, algorithm: str
) -> None:
    photos, out = make_dataset(), tmp_path / "out ö"
    result = run_tune(photos, "--out", out, *SMALL, "--trials", 4, "--search", algorithm, "--json")
    assert result.exit_code == 0, result.output
    summary, trials = json.loads(result.stdout), read_trials(out)
    assert len(trials) == summary["trials"] == 4
    assert float(max(row["accuracy"] for row in trials)) == pytest.approx(summary["accuracy"])
    assert len({row["network"] for row in trials}) == 4
    recipe = read_recipe(out / "recipe.toml")
    assert (recipe.architecture, recipe.image_size_px, recipe.schedule.keep) == ("custom", 16, "accuracy")
    assert 1 <= len(recipe.layers.convolutions) <= 4 and 1 <= len(recipe.layers.dense) <= 4
    assert {c.filters % 32 for c in recipe.layers.convolutions} == {0}
    from sorter.trainer.networks import measure_size

    assert measure_size(recipe, 3).parameters == summary["parameters"]
    assert not list(out.glob(".pictures*"))


@slow
def test_hyperband_goes_on_with_its_best_networks(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--image-size", 16, "--epochs", 3, "--search", "hyperband")
    assert run_tune(make_dataset(), "--out", out, *options).exit_code == 0
    trials = [json.loads(file.read_text()) for file in sorted(out.glob("search/trial_*/trial.json"))]
    epochs = {trial["trial_id"]: trial["hyperparameters"]["values"]["tuner/epochs"] for trial in trials}
    earlier = {t["trial_id"]: t["hyperparameters"]["values"].get("tuner/trial_id") for t in trials}
    taken_up = [name for name, start in earlier.items() if start]
    assert set(epochs.values()) == {1, 3} and taken_up
    assert all((out / f"search/trial_{earlier[name]}/network.weights.h5").is_file() for name in taken_up)
    assert read_recipe(out / "recipe.toml").schedule.epochs == 3


@slow
def test_limits_rule_networks_out_and_impossible_ones_are_skipped(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    """At 8 pixels a fourth convolution finds nothing left; of the others, some are larger than 300 kB."""
    out = tmp_path / "out"
    options = ("--image-size", 8, "--epochs", 1, "--trials", 8, "--max-kb", 300, "--max-ms", 1000, "--json")
    result = run_tune(make_dataset(), "--out", out, *options)
    assert result.exit_code == 0, result.output
    trials = read_trials(out)
    failed = [row for row in trials if row["status"] == "FAILED"]
    too_large = [row for row in trials if row["score"].startswith("-")]
    trained = [row for row in trials if row["accuracy"]]
    assert all(row["message"].startswith("tuned cannot be built") for row in failed)
    assert failed and too_large and trained and len(failed) + len(too_large) + len(trained) == len(trials)
    assert all(float(row["kilobytes"]) > 300 for row in too_large)
    for row in trained:
        assert float(row["parameters"]) / 1000 < float(row["kilobytes"]) <= 300
        assert 0 < float(row["milliseconds"]) < 1000
    assert json.loads(result.stdout)["kilobytes"] <= 300
    none = run_tune(tmp_path / "photos", "--out", tmp_path / "none", *SMALL, "--trials", 2, "--max-kb", 1)
    assert_explained(none, 6, "None of the 2 networks", "--max-kb")


@slow
def test_a_killed_search_goes_on_where_it_was(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    photos, out, log = make_dataset(), tmp_path / "out", tmp_path / "log"
    arguments = (photos, "--out", out, *SMALL, "--trials", 4)
    with start_tune(log, *arguments) as process:
        deadline = time.monotonic() + 240
        while "Trial 1:" not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            assert process.poll() is None, log.read_text(encoding="utf-8")
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    before = {file: file.read_bytes() for file in sorted(out.glob("search/trial_*/trial.json"))[:1]}
    result = run_tune(*arguments)
    assert result.exit_code == 0, result.output
    assert "Going on with a search" in result.stderr and "Trial 0:" not in result.stderr
    assert all(file.read_bytes() == content for file, content in before.items())
    trials = read_trials(out)
    assert [row["status"] for row in trials] == ["COMPLETED"] * 4
    assert_explained(run_tune(*arguments, "--seed", 9), 3, "holds a search with seed 0")
    (out / "search" / "oracle.json").write_text('{"ongoing')
    assert_explained(run_tune(*arguments), 3, "damaged", "--overwrite")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@slow
def test_a_chief_and_two_workers_share_a_search(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    """Three real processes on loopback; each worker has a folder of its own, as on a machine of its own."""
    photos, trials = make_dataset(), 4
    around = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free_port())}
    names = ("chief", "worker0", "worker1")
    processes: dict[str, Any] = {}
    try:
        for name in names:
            arguments = (photos, "--out", tmp_path / name, *SMALL, "--trials", trials)
            processes[name] = start_tune(tmp_path / f"{name}.log", *arguments, **around, KERASTUNER_TUNER_ID=name)
        codes = {name: process.wait(400) for name, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    logs = {name: (tmp_path / f"{name}.log").read_text(encoding="utf-8") for name in names}
    assert codes == dict.fromkeys(names, 0), logs
    done = {name: logs[name].count("Trial ") for name in names}
    assert done["chief"] == 0 and done["worker0"] + done["worker1"] == trials, logs
    assert [row["status"] for row in read_trials(tmp_path / "chief")] == ["COMPLETED"] * trials
    assert read_recipe(tmp_path / "chief" / "recipe.toml").architecture == "custom"
    assert not (tmp_path / "worker0" / "recipe.toml").exists()
