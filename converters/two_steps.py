"""Conversion in the converter's two steps, calibration and quantisation, with a remedy between them.

Calibration takes by far the longest, so the worker keeps the last one for the remedies that follow.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sorter.converters.activations import open_probe
from sorter.converters.diagnosis import layer_of
from sorter.converters.flatbuffers import convert_either_way, prepare_network
from sorter.converters.networks import open_network
from sorter.converters.options import ConversionOptions
from sorter.converters.ranges import Range, percentile_ranges, quantize
from sorter.converters.unsupported import layer_names

_PICTURES_FOR_PERCENTILES = 100
"""Each takes a twentieth of a second, as the fast kernels do not show inner tensors."""

RANGES_NAME = "ranges.json"
"""In a run folder: smallest and largest value of each layer, by its name, as ``sorter-train --qat`` learned them."""

_recorded: dict[str, tuple[bytes, str]] = {}
"""The last calibrated flatbuffer and the way it was made, by all that it depends on."""


def quantize_in_two_steps(place: dict[str, Any], options: ConversionOptions, pictures: str) -> tuple[bytes, str]:
    """Converts to int8 with the ranges and float layers that the options ask for.

    Args:
        place: The network, as ``Source.to_request`` gives it.
        options: What to make of it.
        pictures: The ``.npy`` with calibration pictures.

    Returns:
        The flatbuffer, and ``direct`` or ``saved_model``.
    """
    calibrated, way = _calibrate(place, options, pictures)
    ranges = _learned_ranges(place, calibrated) if has_learned_ranges(place) else None
    if options.percentile is not None:
        few = np.load(pictures, mmap_mode="r")[:_PICTURES_FOR_PERCENTILES]
        ranges = percentile_ranges(calibrated, few, options.percentile)
    return quantize(calibrated, ranges, options.float_tensors, options.io), way


def has_learned_ranges(place: dict[str, Any]) -> bool:
    """Whether a run has learned its ranges (``sorter-train --qat``)."""
    return _ranges_file(place).is_file()


def _ranges_file(place: dict[str, Any]) -> Path:
    return Path(place["path"]).parent / RANGES_NAME


def _learned_ranges(place: dict[str, Any], calibrated: bytes) -> dict[str, Range]:
    """The ranges of a run by tensor; a tensor of no layer that has one keeps what calibration found.

    The last layer's are those of its logits; its probabilities, the last tensor, always reach from 0 to 1.
    """
    by_layer = json.loads(_ranges_file(place).read_bytes())
    tensors = open_probe(calibrated).tensors[:-1]
    layers = {tensor: layer_of(tensor, list(by_layer)) for tensor in tensors}
    return {tensor: (ends[0], ends[1]) for tensor, layer in layers.items() if (ends := by_layer.get(layer))}


def record(request: dict[str, Any]) -> dict[str, Any]:
    """Writes the calibrated float flatbuffer to ``request["output"]``.

    Returns:
        ``layers``: names of the network's layers; none for a SavedModel.
    """
    options = ConversionOptions.from_request(request["options"])
    calibrated, _ = _calibrate(request["network"], options, request["pictures"])
    Path(request["output"]).write_bytes(calibrated)
    return {"layers": layer_names(open_network(request["network"]))}


def _calibrate(place: dict[str, Any], options: ConversionOptions, pictures: str) -> tuple[bytes, str]:
    kept = (options.format, options.equalize, options.equalize_widely, options.target)
    key = json.dumps([place, *kept, pictures], sort_keys=True)
    if key not in _recorded:
        loaded = np.load(pictures, mmap_mode="r")
        made = convert_either_way(prepare_network(place, options, loaded), options, loaded, record_only=True)
        _recorded.clear()
        _recorded[key] = made
    return _recorded[key]
