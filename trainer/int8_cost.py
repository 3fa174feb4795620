"""Size and latency of a candidate as int8, measured: ``python -m sorter.trainer.int8_cost RECIPE.toml CLASSES``.

Neither depends on the weights, so it is done before training, with random weights and noise for calibration; the file
is good for nothing else. It runs in a process of its own, because TensorFlow's converter can abort the interpreter.
Prints one line of JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sorter.errors import TrainingError
from sorter.interpreter import load_interpreter
from sorter.trainer.recipe_file import read_recipe, write_recipe
from sorter.trainer.recipes import Recipe
from sorter.trainer.tuning import Cost

_CALIBRATION_PICTURES = 4
_TIMED_RUNS = 20

_TIMEOUT_S = 900.0


def measure_cost(recipe: Recipe, classes: int) -> Cost:
    """Converts a network to int8 in another process and measures it.

    Raises:
        TrainingError: It cannot be converted.
    """
    with tempfile.TemporaryDirectory(prefix="sorter-int8-") as folder:
        file = Path(folder) / "recipe.toml"
        write_recipe(recipe, file)
        command = [sys.executable, "-m", "sorter.trainer.int8_cost", str(file), str(classes)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise TrainingError("The conversion to int8 takes too long.", "Choose a smaller --image-size.") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise TrainingError(f"The network cannot be converted to int8 ({last[:160]}).", "Leave out --max-kb, --max-ms.")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def _convert(recipe: Recipe, classes: int) -> bytes:
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from sorter.trainer.networks import build_network

    network = build_network(recipe, classes)
    rng = np.random.default_rng(0)
    shape = (1, recipe.image_size_px, recipe.image_size_px, 3)

    def pictures() -> Any:
        for _ in range(_CALIBRATION_PICTURES):
            yield [rng.integers(0, 256, shape).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = pictures
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def _time(flatbuffer: bytes) -> float:
    """Milliseconds of one inference on one core: the median of some, as a busy machine disturbs single ones."""
    interpreter = load_interpreter(flatbuffer)
    interpreter.invoke()
    times = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


def main(file: str, classes: str) -> None:
    """Measures the network of a recipe file for some number of classes."""
    flatbuffer = _convert(read_recipe(Path(file)), int(classes))
    print(json.dumps({"kilobytes": len(flatbuffer) / 1000, "milliseconds": _time(flatbuffer)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
