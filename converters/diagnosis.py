"""Where a quantised network loses what the original had: the error of each layer.

The measure is the ratio of noise to signal of each channel, averaged over channels: a channel that uses a hundredth of
its tensor's range is lost to rounding although the tensor as a whole looks fine, and the next layer's weights bring it
back to full size.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sorter.converters.activations import open_probe
from sorter.image import Pixels

_PICTURES = 32
"""Enough for the order of layers to settle; each takes some 30 ms without the fast kernels, which show no tensors."""

_SILENT = 1e-12
"""Mean square, as a share of the loudest channel's, below which a channel says nothing, so its noise is no loss."""

_SOUND = 0.05
"""Lost share of the inputs above which it is no longer clear what a layer itself loses."""


@dataclass(frozen=True)
class LayerError:
    """What quantisation does to one layer.

    Attributes:
        layer: Name of the Keras layer, the last of those that the converter fused.
        tensor: Name of its output in the flatbuffer.
        snr_db: Signal-to-noise ratio of its output in decibel, with the errors of all layers before it.
        rounding_db: The same for this layer's output alone: what is left when the original's output is written in the
            integers that the quantised network has for it.
        loss: Share of the signal that the layer itself loses, by which layers are ranked; 0.01 is 20 decibel. It is
            the loss by rounding, or what its output has lost beyond its inputs where those are still sound.
        range_use: Median over the channels of the largest value, as a share of the largest of all channels.
        readers: Names of the outputs of the operators that read this tensor.
    """

    layer: str
    tensor: str
    snr_db: float
    rounding_db: float
    loss: float
    range_use: float
    readers: tuple[str, ...] = ()


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
    pairs, grids = _match(first.tensors, second.tensors), second.grids()
    totals = {name: _Total() for name in pairs}
    for picture in pictures[:count]:
        wanted, got = first.look(picture), second.look(picture)
        for name, other in pairs.items():
            if wanted[name].shape == got[other].shape:
                written = grids[other].snap(wanted[name]) if other in grids else wanted[name]
                totals[name].add(wanted[name], got[other], written)
    lost = {name: total.lost() for name, total in totals.items()}
    readers = _readers(first.sources)
    return [
        replace(
            _describe(name, lost, _computed_before(name, first.sources, lost), totals[name], layers),
            readers=readers.get(name, ()),
        )
        for name in pairs
    ]


def worst(errors: Iterable[LayerError], count: int = 5) -> list[LayerError]:
    """The layers that lose most by themselves, worst first."""
    return sorted(errors, key=lambda error: -error.loss)[:count]


class _Total:
    """Sums over pictures, for each channel: squares of the signal, of the noise, and of the noise of rounding alone."""

    def __init__(self) -> None:
        self._signal: npt.NDArray[np.float64] = np.zeros(1)
        self._noise: npt.NDArray[np.float64] = np.zeros(1)
        self._rounding: npt.NDArray[np.float64] = np.zeros(1)
        self._largest: npt.NDArray[np.float32] = np.zeros(1, np.float32)

    def add(
        self, wanted: npt.NDArray[np.float32], got: npt.NDArray[np.float32], written: npt.NDArray[np.float32]
    ) -> None:
        rows = wanted.reshape(-1, wanted.shape[-1])
        self._signal = self._signal + np.square(rows, dtype=np.float64).mean(axis=0)
        self._noise = self._noise + np.square(rows - got.reshape(rows.shape), dtype=np.float64).mean(axis=0)
        self._rounding = self._rounding + np.square(rows - written.reshape(rows.shape), dtype=np.float64).mean(axis=0)
        self._largest = np.maximum(self._largest, np.abs(rows).max(axis=0))

    def lost(self) -> float:
        return self._share(self._noise)

    def lost_by_rounding(self) -> float:
        return self._share(self._rounding)

    def _share(self, noise: npt.NDArray[np.float64]) -> float:
        heard = self._signal > _SILENT * max(float(self._signal.max()), 1e-30)
        # A channel cannot lose more than all it says.
        return float(np.minimum(noise[heard] / self._signal[heard], 1.0).mean()) if heard.any() else 0.0

    def range_use(self) -> float:
        top = float(self._largest.max())
        return float(np.median(self._largest)) / top if top > 0 else 1.0


def _match(first: Sequence[str], second: Sequence[str]) -> dict[str, str]:
    """Tensors of the same name; the outputs, which may be named otherwise, are the last of each."""
    known = set(second)
    pairs = {name: name for name in first if name in known}
    pairs.setdefault(first[-1], second[-1])
    return pairs


def _computed_before(name: str, sources: dict[str, tuple[str, ...]], lost: dict[str, float]) -> tuple[str, ...]:
    """The measured tensors that a tensor is computed from, over those that only one of the networks has."""
    found: list[str] = []
    for source in sources[name]:
        found.extend((source,) if source in lost else _computed_before(source, sources, lost))
    return tuple(found)


def _readers(sources: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """For each tensor, those that are computed from it directly."""
    found: dict[str, tuple[str, ...]] = {}
    for name, before in sources.items():
        for source in before:
            found[source] = (*found.get(source, ()), name)
    return found


def _describe(
    name: str, lost: dict[str, float], before: tuple[str, ...], total: _Total, layers: Sequence[str]
) -> LayerError:
    came_in = max((lost[source] for source in before), default=0.0)
    rounding = total.lost_by_rounding()
    added = max(0.0, lost[name] - came_in) if came_in < _SOUND else 0.0
    return LayerError(
        layer=layer_of(name, layers),
        tensor=name,
        snr_db=_decibel(lost[name]),
        rounding_db=_decibel(rounding),
        loss=max(rounding, added),
        range_use=total.range_use(),
    )


def _decibel(lost: float) -> float:
    return float(-10 * np.log10(max(lost, 1e-10)))


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
