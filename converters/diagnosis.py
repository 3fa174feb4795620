"""Where a quantised network loses what the original had: the error of each layer.

The measure is the ratio of noise to signal of each channel, averaged over channels: a channel that uses a hundredth of
its tensor's range is lost to rounding although the tensor as a whole looks fine, and the next layer's weights bring it
back to full size.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sorter.converters.activations import open_probe
from sorter.image import Pixels

_PICTURES = 32
"""Enough for the order of layers to settle; each takes some 30 ms without the fast kernels, which show no tensors."""

_SILENT = 1e-12
"""Mean square below which a channel says nothing, so that its noise is no loss."""


@dataclass(frozen=True)
class LayerError:
    """What quantisation does to one layer.

    Attributes:
        layer: Name of the Keras layer, the last of those that the converter fused.
        tensor: Name of its output in the flatbuffer.
        snr_db: Signal-to-noise ratio of its output, with the errors of all layers before it, in decibel. The noise is
            compared with the signal channel by channel.
        added_db: By how much that is worse than what went in, in decibel; 0 where it is no worse.
        added_noise: The same as a share of the signal, by which layers are ranked: 0.01 means that the layer adds
            noise of a hundredth of its signal's power.
        range_use: Median over the channels of the largest value, as a share of the largest of all channels.
    """

    layer: str
    tensor: str
    snr_db: float
    added_db: float
    added_noise: float
    range_use: float


def diagnose(
    original: bytes, quantised: bytes, pictures: Pixels, layers: Sequence[str] = (), count: int = _PICTURES
) -> list[LayerError]:
    """Compares all layers of two flatbuffers that were made from the same network.

    Args:
        original: With floating-point activations.
        quantised: With integers.
        pictures: Prepared pictures, uint8 (n, height, width, 3).
        layers: Names of the network's Keras layers, by which tensors are named where they fit.
        count: How many of the pictures are run.

    Returns:
        One entry for each layer that both have, in the order of computation.

    Raises:
        ConversionError: The installed interpreter cannot show single layers.
    """
    first, second = open_probe(original), open_probe(quantised)
    pairs = _match(first.tensors, second.tensors)
    totals = {name: _Total() for name in pairs}
    for picture in pictures[:count]:
        wanted, got = first.look(picture), second.look(picture)
        for name, other in pairs.items():
            if wanted[name].shape == got[other].shape:
                totals[name].add(wanted[name], got[other])
    noise = {name: total.noise_to_signal() for name, total in totals.items()}
    return [
        _describe(name, noise, _computed_before(name, first.sources, noise), totals[name], layers) for name in pairs
    ]


def worst(errors: Iterable[LayerError], count: int = 5) -> list[LayerError]:
    """The layers that add most noise, worst first."""
    return sorted(errors, key=lambda error: -error.added_noise)[:count]


class _Total:
    """Sums over pictures, for each channel."""

    def __init__(self) -> None:
        self.signal: npt.NDArray[np.float64] | float = 0.0
        self.noise: npt.NDArray[np.float64] | float = 0.0
        self.largest: npt.NDArray[np.float32] | float = 0.0

    def add(self, wanted: npt.NDArray[np.float32], got: npt.NDArray[np.float32]) -> None:
        rows, others = (array.reshape(-1, array.shape[-1]) for array in (wanted, got))
        self.signal = self.signal + np.square(rows, dtype=np.float64).mean(axis=0)
        self.noise = self.noise + np.square(rows - others, dtype=np.float64).mean(axis=0)
        self.largest = np.maximum(self.largest, np.abs(rows).max(axis=0))

    def noise_to_signal(self) -> float:
        signal, noise = np.atleast_1d(self.signal), np.atleast_1d(self.noise)
        heard = signal > _SILENT * max(float(signal.max()), 1e-30)
        if not heard.any():
            return 0.0
        # A channel cannot lose more than all it says.
        return float(np.minimum(noise[heard] / signal[heard], 1.0).mean())

    def range_use(self) -> float:
        largest = np.atleast_1d(self.largest)
        top = float(largest.max())
        return float(np.median(largest)) / top if top > 0 else 1.0


def _match(first: Sequence[str], second: Sequence[str]) -> dict[str, str]:
    """Tensors of the same name; the outputs, which may be named otherwise, are the last of each."""
    known = set(second)
    pairs = {name: name for name in first if name in known}
    pairs.setdefault(first[-1], second[-1])
    return pairs


def _computed_before(name: str, sources: dict[str, tuple[str, ...]], noise: dict[str, float]) -> tuple[str, ...]:
    """The measured tensors that a tensor is computed from, over those that only one of the networks has."""
    found: list[str] = []
    for source in sources[name]:
        found.extend((source,) if source in noise else _computed_before(source, sources, noise))
    return tuple(found)


def _describe(
    name: str, noise: dict[str, float], before: tuple[str, ...], total: _Total, layers: Sequence[str]
) -> LayerError:
    own, came_in = noise[name], max((noise[source] for source in before), default=0.0)
    return LayerError(
        layer=layer_of(name, layers),
        tensor=name,
        snr_db=_decibel(own),
        added_db=max(0.0, _decibel(came_in) - _decibel(own)),
        added_noise=max(0.0, own - came_in),
        range_use=total.range_use(),
    )


def _decibel(noise_to_signal: float) -> float:
    return float(-10 * np.log10(max(noise_to_signal, 1e-10)))


def layer_of(tensor: str, layers: Sequence[str] = ()) -> str:
    """The Keras layer behind a tensor's name.

    The converter joins the names of what it fused by semicolons, the last operation first, and each is a path such as
    ``network_1/block_3_expand_relu_1/Relu6``; Keras counts up the names when it traces the network again.

    Args:
        tensor: Name of a tensor in a flatbuffer.
        layers: Names that the network has.
    """
    first = tensor.split(";")[0]
    parts = first.split("/")
    for part in parts[1:] or parts:
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return name
    return re.sub(r"_1$", "", parts[1]) if len(parts) > 2 else first
