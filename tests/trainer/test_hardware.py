"""Several devices and half precision, in processes of their own: TensorFlow divides a processor only at its start."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("tensorflow", reason="needs TensorFlow")

pytestmark = pytest.mark.slow

TRAIN_ON_TWO = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from sorter.trainer.cli import train
train()
"""

TRAIN_ON_ONE = "from sorter.trainer.cli import train; train()"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("disc", "square"):
        for i in range(20):
            save_picture(root / label / f"{i}.png", draw_picture(label, i))
    return root


def run(code: str, photos: Path, out: Path, *more: str) -> dict[str, Any]:
    # Nine photos in a step, which two devices cannot share evenly.
    options = ["--model", "toy-4conv", "--image-size", "32", "--batch-size", "9", "--epochs", "8", "--json"]
    command = [sys.executable, "-c", code, str(photos), "--out", str(out), *options, *more]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return {**figures, "stderr": done.stderr, "manifest": json.loads((out / "sorter.json").read_bytes())}


@pytest.fixture(scope="module")
def single(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("runs") / "single"
    return run(TRAIN_ON_ONE, photos, out, "--distribute", "mirrored")


def test_one_device_alone_is_said_and_used(single: dict[str, Any]) -> None:
    assert "only one device" in single["stderr"]
    assert single["manifest"]["recipe"]["training"]["replicas"] == 1
    assert single["accuracy"] >= 0.8


def test_two_devices_come_to_the_figures_of_one(photos: Path, single: dict[str, Any], tmp_path: Path) -> None:
    both = run(TRAIN_ON_TWO, photos, tmp_path / "both", "--distribute", "mirrored")
    assert both["manifest"]["recipe"]["training"]["replicas"] == 2
    assert both["accuracy"] == pytest.approx(single["accuracy"], abs=0.15)
    reached = [f["manifest"]["recipe"]["training"]["validation_accuracy"] for f in (both, single)]
    assert reached[0] == pytest.approx(reached[1], abs=0.3)


STEPS = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from sorter.trainer.hardware import PLAIN, Hardware, HardwareOptions, choose_hardware
from sorter.trainer.recipes import Schedule
from sorter.trainer.steps import Stepper

rng = np.random.default_rng(0)
batches = [(rng.normal(size=(7, 6)).astype("f"), np.eye(3, dtype="f")[rng.integers(0, 3, 7)]) for _ in range(5)]

def fit(hardware):
    keras.utils.set_random_seed(1)
    with hardware.building():
        inner = keras.layers.Dense(8, "tanh", kernel_regularizer="l2")
        network = keras.Sequential([keras.Input((6,)), inner, keras.layers.Dense(3, "softmax")])
    stepper = Stepper(network, Schedule(5, optimizer="sgd", momentum=0.9, label_smoothing=0.1), hardware)
    figures = [stepper.step(*batch, 0.1) for batch in batches]
    return figures, network.get_weights()

single, mirrored = fit(PLAIN), fit(choose_hardware(HardwareOptions(distribute="mirrored")))
assert np.allclose(single[0], mirrored[0], atol=1e-5), (single[0], mirrored[0])
assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(single[1], mirrored[1]))
half = fit(choose_hardware(HardwareOptions(mixed_precision="on")))
assert np.allclose(single[0], half[0], atol=0.05), (single[0], half[0])
assert half[1][0].dtype == np.float32
# Of GPUs; a processor can do it too, slowly.
scaled = fit(Hardware(precision="mixed_float16"))
assert np.allclose(single[0], scaled[0], atol=0.05), (single[0], scaled[0])
both = fit(Hardware(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), "mixed_float16"))
assert np.allclose(single[0], both[0], atol=0.05), (single[0], both[0])
compiled = fit(choose_hardware(HardwareOptions(xla="on")))
assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(single[1], compiled[1]))
"""


def test_shared_and_half_precise_and_compiled_steps_are_the_steps_of_one_device() -> None:
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_network_trained_in_half_precision_is_stored_in_full(photos: Path, tmp_path: Path) -> None:
    figures = run(TRAIN_ON_ONE, photos, tmp_path / "half", "--mixed-precision", "on")
    assert figures["manifest"]["recipe"]["training"]["precision"] == "mixed_bfloat16"
    assert figures["accuracy"] >= 0.7
    code = (
        "import sys\nfrom pathlib import Path\nfrom sorter.trainer.networks import load_network\n"
        "network = load_network(Path(sys.argv[1]))\n"
        "print({layer.dtype_policy.name for layer in network.layers})"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "half" / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'float32'}"
