"""The deployable file: the flatbuffer with labels and manifest behind it."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sorter._version import __version__
from sorter.bundle import join_content
from sorter.converters.options import ConversionOptions
from sorter.files import zipped_size
from sorter.manifest import LABELS_NAME, MANIFEST_NAME, Manifest

SCORE_CALIBRATION_NAME = "score_calibration.csv"
"""Attached file: for each class the sigmoid that makes a probability of its score."""


def pack(
    flatbuffer: bytes,
    manifest: Manifest,
    options: ConversionOptions,
    accuracy: Mapping[str, Any],
    conversion: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> bytes:
    """Joins a flatbuffer with its description.

    Args:
        flatbuffer: With TFLite Metadata inside.
        manifest: Of the network.
        options: What the flatbuffer was made for.
        accuracy: Figures of this file, to be added to those of the manifest.
        conversion: How it was made, so that anyone can make it again.
        versions: Of the tools that made the flatbuffer.

    Returns:
        The content of the file. Equal arguments give equal bytes.
    """
    described = replace(
        manifest,
        quantization=options.format,
        accuracy={**manifest.accuracy, **accuracy},
        versions={
            **manifest.versions,
            "sorter-toolkit (conversion)": __version__,
            **{f"{name} (conversion)": version for name, version in (versions or {}).items()},
        },
        conversion={**options.to_request(), **(conversion or {}), "zipped_bytes": zipped_size(flatbuffer)},
        model_sha256=hashlib.sha256(flatbuffer).hexdigest(),
    )
    files = {
        LABELS_NAME: "\n".join(manifest.labels) + "\n",
        SCORE_CALIBRATION_NAME: score_calibration(len(manifest.labels)),
        MANIFEST_NAME: described.to_json(),
    }
    return join_content(flatbuffer, files)


def score_calibration(classes: int) -> str:
    """The content of ``score_calibration.csv``: scores become probabilities by staying what they are.

    Readers compute scale * sigmoid(slope * logit(score) + offset). Temperature and expectations are part of the
    network's last layer, so the scores are calibrated, and the sigmoid's inverse before it makes it the identity.
    """
    # No newline at the end: MediaPipe takes an empty line for one sigmoid more.
    return "\n".join(["1,1,0"] * classes)
