"""Networks from elsewhere: what is read, what is asked for, and what is refused in which words."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.bundle import Bundle
from sorter.classifier import classifier_from_bundle, load_classifier
from sorter.converters import conversion
from sorter.converters.cli import convert
from sorter.converters.options import ConversionOptions
from sorter.converters.packing import pack
from sorter.converters.sources import ForeignOptions, Source, complete_source, open_source
from sorter.converters.worker_process import WorkerProcess
from sorter.errors import ConfigError, ConversionError, DatasetError, StorageError
from sorter.image import Pixels
from sorter.metrics import Probabilities
from tests.conftest import COLORS_BGR, draw_disc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra"),
]

PICTURES = np.random.default_rng(5).integers(0, 256, (6, 24, 24, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    script = Path(__file__).with_name("odd_networks.py")
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    (folder / "labels.txt").write_text("blue\ngreen\nred\n")
    return folder


def find(worker: WorkerProcess, network: Path, input_range: str = "bytes", side: int | None = None) -> Source:
    size = (side, side) if side else None
    foreign = ForeignOptions(network.parent / "labels.txt", input_range, image_size=size)
    source = open_source(network, foreign)
    return complete_source(source, worker.ask("describe", network=source.to_request()))


def convert_and_run(worker: WorkerProcess, source: Source, folder: Path, pictures: Pixels = PICTURES) -> Probabilities:
    options = ConversionOptions("float32")
    made = conversion.convert(worker, source, options, None)
    path = folder / "network.tflite"
    path.write_bytes(pack(made.flatbuffer, source.manifest, options, {}))
    classifier = classifier_from_bundle(Bundle.load(path))
    return np.stack([classifier.probabilities(picture[:, :, ::-1].copy()) for picture in pictures])


@pytest.mark.parametrize("name", ["plain.keras", "plain.h5", "plain"])
def test_every_way_of_saving_gives_the_same_probabilities(
    worker: WorkerProcess, networks: Path, tmp_path: Path, name: str
) -> None:
    source = find(worker, networks / name)
    before = conversion.predict(worker, source, conversion.StoredPictures.store(worker, PICTURES))
    assert source.manifest.input.shape == (24, 24, 3) and before.shape == (6, 3)
    assert np.abs(convert_and_run(worker, source, tmp_path) - before).max() < 1e-5
    plain = find(worker, networks / "plain.keras")
    same = conversion.predict(worker, plain, conversion.StoredPictures.store(worker, PICTURES))
    assert np.abs(before - same).max() < 1e-5


@pytest.mark.parametrize("name", ["plain.keras", "plain"])
def test_the_range_that_a_network_was_trained_on_becomes_part_of_the_file(
    worker: WorkerProcess, networks: Path, tmp_path: Path, name: str
) -> None:
    scaled, raw = find(worker, networks / name, "0..1"), find(worker, networks / name)
    dark = (PICTURES // 255).astype(np.uint8)
    ones = (dark * 255).astype(np.uint8)
    as_trained = convert_and_run(worker, raw, tmp_path, dark)
    assert np.abs(convert_and_run(worker, scaled, tmp_path, ones) - as_trained).max() < 1e-5


def test_scores_become_probabilities(worker: WorkerProcess, networks: Path, tmp_path: Path) -> None:
    source = find(worker, networks / "logits.keras")
    assert source.softmax
    assert convert_and_run(worker, source, tmp_path).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_network_of_any_size_gets_the_one_that_is_asked_for(
    worker: WorkerProcess, networks: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConversionError, match="any size") as caught:
        find(worker, networks / "anysize.keras")
    assert "--image-size" in caught.value.hint
    source = find(worker, networks / "anysize.keras", side=24)
    assert convert_and_run(worker, source, tmp_path).shape == (6, 3)


@pytest.mark.parametrize(
    ("name", "reason", "way_out"),
    [
        ("grey.keras", "1 channels", "greyscale"),
        ("pair.keras", "2 inputs and 1 outputs", "one picture"),
        ("twofold.keras", "1 inputs and 2 outputs", "one picture"),
        ("lambda.keras", "Lambda layer", "--trust"),
        ("custom.keras", "layer of its own", "SavedModel"),
    ],
)
def test_odd_networks_are_refused(worker: WorkerProcess, networks: Path, name: str, reason: str, way_out: str) -> None:
    with pytest.raises(ConversionError, match=reason) as caught:
        find(worker, networks / name)
    assert way_out in caught.value.hint


def test_code_in_a_file_runs_only_where_it_is_trusted(worker: WorkerProcess, networks: Path) -> None:
    foreign = ForeignOptions(networks / "labels.txt", "bytes", trust=True)
    source = open_source(networks / "lambda.keras", foreign)
    assert worker.ask("describe", network=source.to_request())["classes"] == 3


def test_what_a_network_does_not_say_must_be_said(worker: WorkerProcess, networks: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which pixels") as caught:
        open_source(networks / "plain.h5", ForeignOptions(networks / "labels.txt"))
    assert "--input-range" in caught.value.hint
    with pytest.raises(ConfigError, match="what its outputs mean"):
        open_source(networks / "plain.h5", ForeignOptions(input_range="bytes"))
    (tmp_path / "four.txt").write_text("a\nb\nc\nd\n")
    source = open_source(networks / "plain.keras", ForeignOptions(tmp_path / "four.txt", "bytes"))
    with pytest.raises(ConfigError, match="3 scores, but there are 4 labels"):
        complete_source(source, worker.ask("describe", network=source.to_request()))


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(a) for a in arguments])


def test_a_foreign_network_over_the_command_line(networks: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "foreign.tflite"
    arguments = ("--input-range", "bytes", "--io", "int8", "--representative", photos, "--check", photos)
    result = invoke(networks / "plain.h5", *arguments, "--max-drop", "1", "--out", out)
    assert result.exit_code == 0, result.output
    classifier = load_classifier(out)
    assert classifier.labels == ("blue", "green", "red")
    listed = (tmp_path / "foreign-calibration.csv").read_text().splitlines()
    manifest = Bundle.load(out).manifest
    assert manifest is not None
    assert manifest.conversion["calibration"]["pictures"] == len(listed) - 1
    assert manifest.conversion["io"] == "int8"
    assert classifier.probabilities(draw_disc(COLORS_BGR["red"], seed=1)).sum() == pytest.approx(1, abs=0.02)


def test_a_place_that_cannot_be_written_to_is_named_before_the_work(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke(run, "--float32", "--out", tmp_path / "file" / "x.tflite")
    assert result.exit_code == StorageError.exit_code
    result = invoke(run, "--float32", "--out", tmp_path)
    assert result.exit_code == StorageError.exit_code and "it is a folder" in result.stderr


def test_five_photos_are_too_few(run: Path, photos: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for label in ("blue", "green"):
        (few / label).mkdir(parents=True)
        for i in range(2):
            (few / label / f"{i}.png").write_bytes((photos / label / f"{i + 1}.png").read_bytes())
    result = invoke(run, "--int8", "--representative", few, "--out", tmp_path / "x.tflite")
    assert result.exit_code == DatasetError.exit_code
    assert re.search(r"Only \d different photos", result.stderr) and not (tmp_path / "x.tflite").exists()


def test_killed_half_way_leaves_nothing(run: Path, photos: Path, tmp_path: Path) -> None:
    temporary, out = tmp_path / "temporary", tmp_path / "out"
    temporary.mkdir()
    code = "from sorter.converters.cli import convert; convert()"
    arguments = [str(run), "--int8", "--representative", str(photos), "--out", str(out / "x.tflite")]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(temporary.glob("sorter-convert-*/*.npy")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(temporary.iterdir())
    assert not list(out.iterdir())
