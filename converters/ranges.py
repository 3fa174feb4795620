"""Ranges of activations, and quantisation to integers with ranges of one's own and with layers left out.

The converter does its work in two steps: it records the smallest and largest value of each tensor in a float
flatbuffer, then quantises that. Both can be had singly (``tf.lite.experimental.QuantizationDebugger`` does the same).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sorter.converters.activations import open_probe
from sorter.flatbuffer import pack_model, unpack_model
from sorter.image import Pixels

Range = tuple[float, float]
"""Smallest and largest value that a tensor's integers can stand for."""

_VALUES_PER_PICTURE = 4000
"""Values drawn of each tensor and picture: 200 pictures give 800,000, of which 80 lie beyond the 99.99th percentile."""


def percentile_ranges(calibrated: bytes, pictures: Pixels, percentile: float) -> dict[str, Range]:
    """Ranges that leave out rare extremes, so that the common values share more of the integers.

    Args:
        calibrated: A float flatbuffer.
        pictures: Calibration pictures, uint8 (n, height, width, 3).
        percentile: Share of the values, in percent, that lies within the range, for example 99.99; half of the rest
            is cut off at each end.

    Returns:
        By the name of the tensor. Probabilities and the input keep theirs.
    """
    probe = open_probe(calibrated)
    rng = np.random.default_rng(0)
    drawn: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in probe.tensors[:-1]}
    for picture in pictures:
        for name, values in probe.look(picture).items():
            if name in drawn:
                flat = values.reshape(-1)
                few = (
                    flat if flat.size <= _VALUES_PER_PICTURE else flat[rng.integers(0, flat.size, _VALUES_PER_PICTURE)]
                )
                drawn[name].append(few)
    tail = (100.0 - percentile) / 2
    return {name: _inner_range(np.concatenate(values), tail) for name, values in drawn.items()}


def _inner_range(values: npt.NDArray[np.float32], tail: float) -> Range:
    # After a ReLU most values are 0; only the upper end has a tail then, and it is cut at the same share.
    low, high = np.percentile(values, (tail, 100.0 - tail))
    return min(0.0, float(low)), max(0.0, float(high))


def quantize(
    calibrated: bytes,
    ranges: Mapping[str, Range] | None = None,
    float_tensors: Sequence[str] = (),
    io: str = "uint8",
) -> bytes:
    """Second step: quantises what the first step gave. Needs TensorFlow.

    Args:
        calibrated: A float flatbuffer that knows its ranges.
        ranges: Ranges to use in place of the recorded ones, by name of tensor.
        float_tensors: Names of the outputs of operators that stay in floating point.
        io: What it takes and gives: ``uint8``, ``int8`` or ``float32``.

    Returns:
        The quantised flatbuffer.
    """
    import tensorflow as tf
    from tensorflow.lite.python import convert, util

    content = calibrated if not ranges else _with_ranges(calibrated, ranges)
    # Asked to quantise fully, it makes the input int8 whatever else is wanted; so it is left free, and the two ends
    # are changed afterwards, as the converter does it.
    quantised = convert.mlir_quantize(content, denylisted_nodes=list(float_tensors) or None)
    kind = getattr(tf, io)
    return bytes(util.modify_model_io_type(quantised, kind, kind))


def _with_ranges(calibrated: bytes, ranges: Mapping[str, Range]) -> bytes:
    model = unpack_model(calibrated)
    for tensor in model.subgraphs[0].tensors:
        chosen = ranges.get(tensor.name.decode())
        if chosen is not None and tensor.quantization is not None and tensor.quantization.min is not None:
            tensor.quantization.min, tensor.quantization.max = [chosen[0]], [chosen[1]]
    return pack_model(model)
