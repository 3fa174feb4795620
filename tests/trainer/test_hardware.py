"""Several devices and half precision, in processes of their own: TensorFlow divides a processor only at its start."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sorter.trainer.cli import train
from tests.trainer.conftest import draw_picture, save_picture

pytest.importorskip("tensorflow", reason="needs TensorFlow")

pytestmark = [
    pytest.mark.slow,
    # Keras 3.15 converts variables in a way that NumPy 2 announces to change.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

TRAIN_ON_TWO = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from sorter.trainer.cli import train
train()
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    for label in ("disc", "square"):
        for i in range(20):
            save_picture(root / label / f"{i}.png", draw_picture(label, i))
    return root


# Nine photos in a step, which two devices cannot share evenly.
SMALL = ("--model", "toy-4conv", "--image-size", "32", "--batch-size", "9", "--epochs", "8", "--json")


def read_training(run: Path) -> dict[str, Any]:
    training: dict[str, Any] = json.loads((run / "sorter.json").read_bytes())["recipe"]["training"]
    return training


def run_here(photos: Path, out: Path, *more: str) -> Result:
    result = CliRunner().invoke(train, [str(photos), "--out", str(out), *SMALL, *more])
    assert result.exit_code == 0, result.output
    return result


def test_two_devices_come_to_the_figures_of_one(photos: Path, tmp_path: Path) -> None:
    one = run_here(photos, tmp_path / "one", "--distribute", "mirrored")
    assert "only one device" in one.stderr and read_training(tmp_path / "one")["replicas"] == 1
    command = [sys.executable, "-c", TRAIN_ON_TWO, str(photos), "--out", str(tmp_path / "two"), *SMALL]
    two = subprocess.run([*command, "--distribute", "mirrored"], capture_output=True, text=True)
    assert two.returncode == 0, two.stderr
    assert read_training(tmp_path / "two")["replicas"] == 2
    accuracy = json.loads(one.stdout)["accuracy"]
    assert accuracy >= 0.8
    assert json.loads(two.stdout)["accuracy"] == pytest.approx(accuracy, abs=0.15)


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
    result = run_here(photos, tmp_path / "half", "--mixed-precision", "on")
    assert read_training(tmp_path / "half")["precision"] == "mixed_bfloat16"
    assert json.loads(result.stdout)["accuracy"] >= 0.7
    with zipfile.ZipFile(tmp_path / "half" / "model.keras") as archive:
        content = archive.read("config.json").decode()
    assert "float32" in content and "float16" not in content
