"""The same network through other libraries: those that are installed give the same answers."""

import cv2
import numpy as np
import pytest

from sorter.benchmarks.peer_networks import PEERS, PeerNetwork
from sorter.classifier import load_classifier
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.errors import BundleError, ConfigError
from sorter.models import find_model

FRUIT = find_model("fruit-demo-int8")


@pytest.mark.parametrize("kind", ["bare", "tflite-runtime"])
def test_a_peer_names_the_same_fruits(kind: str) -> None:
    try:
        peer = PeerNetwork(kind, FRUIT, 1)
    except ConfigError as error:
        pytest.skip(error.message)
    ours = load_classifier(FRUIT)
    rng = np.random.default_rng(2)
    same = 0
    for label in FRUITS:
        frame = cv2.resize(render_object(label, rng, (320, 240)), (640, 480))
        scores = peer.probabilities(frame)  # type: ignore[arg-type]
        assert scores.sum() == pytest.approx(1.0, abs=0.05)
        same += int(scores.argmax()) == int(ours.probabilities(frame).argmax())  # type: ignore[arg-type]
    assert same >= len(FRUITS) - 1 and peer.labels == ours.labels and peer.format == "int8"


def test_what_a_peer_cannot_do_is_said() -> None:
    try:
        PeerNetwork("onnxruntime", FRUIT, 1)
    except ConfigError as error:
        assert "ONNX Runtime is not installed" in error.message
    except BundleError as error:
        assert "There is no fruit-demo-int8.onnx" in error.message
    else:
        pytest.fail("there is no ONNX file to be read")
    assert set(PEERS) >= {"bare", "mediapipe", "opencv", "onnxruntime", "tflite-runtime"}
