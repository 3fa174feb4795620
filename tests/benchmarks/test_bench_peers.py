"""The same network through other libraries: those that are installed give the same answers."""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from sorter.benchmarks.peer_networks import PEERS, PeerNetwork
from sorter.benchmarks.peers import peers
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


def test_peers_in_environments_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is there is asked with its own Python; one that is not costs the others nothing."""
    photos = tmp_path / "fruits"
    rng = np.random.default_rng(3)
    for label in FRUITS:
        (photos / label).mkdir(parents=True)
        cv2.imwrite(str(photos / label / "1.png"), render_object(label, rng, (320, 240)))
    elsewhere = tmp_path / "python"
    elsewhere.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/started\nexec {sys.executable} "$@"\n')
    elsewhere.chmod(0o755)
    monkeypatch.setenv("SORTER_OPENCV_PYTHON", str(elsewhere))
    for gone in ("SORTER_TFLITE_RUNTIME_PYTHON", "SORTER_TF2ONNX_PYTHON"):
        monkeypatch.setenv(gone, os.fspath(tmp_path / "gone"))
    out = tmp_path / "out"
    ended = CliRunner().invoke(peers, [str(FRUIT), "--data", str(photos), "--out", str(out), "--queries", "32"])
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "started").read_text() == "-m sorter.benchmarks.worker\n"
    table = (out / "peers.md").read_text()
    ours, bare = (next(line for line in table.splitlines() if name in line) for name in ("| sorter |", "| LiteRT "))
    assert "| 1 |" in ours and " to " in bare
    assert f"with tflite-runtime: {tmp_path}/gone cannot be started: No such file or directory." in table
    assert "cannot be converted for ONNX Runtime" in ended.output
