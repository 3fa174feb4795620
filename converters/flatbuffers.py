"""TensorFlow's converter, as the worker uses it: a network in, a flatbuffer with metadata inside out."""

import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sorter.converters.bias_correction import correct_biases
from sorter.converters.metadata import attach_metadata, build_metadata
from sorter.converters.networks import Network, open_network
from sorter.converters.options import ConversionOptions
from sorter.converters.saturation import drop_idle_relu6
from sorter.converters.unsupported import explain, find_float_layers
from sorter.equalization import equalize
from sorter.image import InputSpec


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """Converts a network and writes the flatbuffer, metadata inside, to ``request["output"]``.

    Returns:
        ``way``: which way it went, ``direct`` or ``saved_model``; ``versions``: of the tools; ``float_layers``: pairs
        of layer and operator that int8 left in floating point.
    """
    options = ConversionOptions.from_request(request["options"])
    from sorter.converters.two_steps import has_learned_ranges, quantize_in_two_steps

    if options.in_two_steps or (options.format == "int8" and has_learned_ranges(request["network"])):
        flatbuffer, way = quantize_in_two_steps(request["network"], options, request["pictures"])
    else:
        pictures = np.load(request["pictures"], mmap_mode="r") if options.needs_calibration else None
        flatbuffer, way = convert_either_way(prepare_network(request["network"], options, pictures), options, pictures)
    spec = InputSpec(**request["input"])
    metadata = build_metadata(request["name"], request["description"], spec, len(request["labels"]))
    Path(request["output"]).write_bytes(attach_metadata(flatbuffer, metadata))
    left = find_float_layers(flatbuffer, lambda: open_network(request["network"])) if options.format == "int8" else []
    versions = {name: version(name) for name in _TOOLS if _is_installed(name)}
    return {"way": way, "versions": versions, "float_layers": left}


_TOOLS = ("tensorflow", "tensorflow-cpu", "keras")


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def prepare_network(
    place: dict[str, Any], options: ConversionOptions, pictures: npt.NDArray[np.uint8] | None
) -> Network:
    """Reads a network, and makes it fit for integers where pictures to do it by are there.

    Its channels are equalised, if that is asked for, and what rounding its weights will shift is taken off its biases.
    """
    from sorter.converters.two_steps import has_learned_ranges

    # A network that was trained for int8 has seen its weights rounded, and its ranges fit its channels as they are.
    if pictures is None or has_learned_ranges(place):
        return open_network(place)
    network = open_network(place, fresh=True)
    if network.keras is not None:
        if options.equalize:
            equalize(network.keras, pictures, options.equalize_widely)
        correct_biases(network.keras, pictures, dense_per_channel=options.target != "tflite-runtime")
    return network


def convert_either_way(
    network: Network,
    options: ConversionOptions,
    pictures: npt.NDArray[np.uint8] | None,
    record_only: bool = False,
) -> tuple[bytes, str]:
    """Converts directly or, where that fails, over a SavedModel; gives the flatbuffer and which way it went."""
    try:
        return run_converter(_direct_converter(network), options, pictures, record_only), "direct"
    except Exception as direct:
        if network.keras is None:
            raise explain(direct, network, options, lambda: _as_float(network)) from direct
        try:
            with tempfile.TemporaryDirectory() as folder:
                return run_converter(
                    _exporting_converter(network, folder), options, pictures, record_only
                ), "saved_model"
        except Exception:
            # The first reason is the one that leads to the layer.
            raise explain(direct, network, options, lambda: _as_float(network)) from direct


def _as_float(network: Network) -> bytes:
    return run_converter(_direct_converter(network), ConversionOptions("float32"), None)


def _direct_converter(network: Network) -> Any:
    import tensorflow as tf

    # One picture at a time: shapes are then constants, and nothing in the file computes them at run time.
    specification = tf.TensorSpec((1, *network.shape), tf.float32, name="pixels")
    function = tf.function(network.call, input_signature=[specification]).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], network.owner)
    # Else the function goes over a SavedModel, where weights may stay variables that nothing initialises.
    converter.experimental_lower_to_saved_model = False
    return converter


def _exporting_converter(network: Network, folder: str) -> Any:
    import tensorflow as tf

    assert network.keras is not None
    network.keras.export(folder, verbose=False)
    return tf.lite.TFLiteConverter.from_saved_model(folder)


def run_converter(
    converter: Any, options: ConversionOptions, pictures: npt.NDArray[np.uint8] | None, record_only: bool = False
) -> bytes:
    """Sets a ``TFLiteConverter`` to what the options ask for, and runs it.

    Args:
        converter: With its network.
        options: What to make.
        pictures: To calibrate on, uint8 (n, height, width, 3); None for formats that need none.
        record_only: Whether to stop after calibration, with a float flatbuffer that knows its ranges.

    Returns:
        The flatbuffer.
    """
    import tensorflow as tf

    if options.format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if pictures is not None:
        converter.representative_dataset = lambda: representative_batches(pictures)
    if options.target == "tflite-runtime":
        # Per-channel weights of dense layers need FULLY_CONNECTED in a version that 2.14 does not have.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    _FORMATS[options.format](converter, tf, options)
    converter._experimental_calibrate_only = record_only
    flatbuffer: bytes = converter.convert()
    return drop_idle_relu6(flatbuffer) if options.needs_calibration and not record_only else flatbuffer


def _nothing_more(converter: Any, tf: Any, options: ConversionOptions) -> None:
    """For formats that the optimisation level says it all about."""


def _float16(converter: Any, tf: Any, options: ConversionOptions) -> None:
    converter.target_spec.supported_types = [tf.float16]


def _int8(converter: Any, tf: Any, options: ConversionOptions) -> None:
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, options.io)


def _int16x8(converter: Any, tf: Any, options: ConversionOptions) -> None:
    converter.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]


_FORMATS: dict[str, Callable[[Any, Any, ConversionOptions], None]] = {
    "float32": _nothing_more,
    "float16": _float16,
    "dynamic": _nothing_more,
    "int8": _int8,
    "int16x8": _int16x8,
}


def representative_batches(pictures: npt.NDArray[np.uint8]) -> Iterator[list[npt.NDArray[np.float32]]]:
    """Gives pictures one by one as the converter wants them: lists of one float32 (1, height, width, 3) array.

    One pixel of the first is made black and one white. The input's range is then 0..255 and its scale exactly 1, so
    that raw bytes are the network's input whatever the calibration pictures hold.
    """
    for i, picture in enumerate(pictures):
        sample = picture[np.newaxis].astype(np.float32)
        if i == 0:
            sample[0, 0, 0], sample[0, 0, -1] = 0.0, 255.0
        yield [sample]
