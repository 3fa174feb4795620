"""``sorter-convert`` on a small real network: what comes out is what went in, and says what it is."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.bundle import Bundle, join_content
from sorter.classifier import load_classifier
from sorter.converters import conversion
from sorter.converters.cli import convert
from sorter.converters.formats import FORMATS
from sorter.converters.metadata import METADATA_NAME
from sorter.converters.options import ConversionOptions
from sorter.converters.sources import ForeignOptions, open_source
from sorter.converters.worker_process import WorkerProcess
from sorter.errors import AccuracyDropError, ConfigError, ConversionError, DatasetError
from sorter.image import read_image
from sorter.interpreter import load_interpreter
from sorter.known_answer import ask, difference
from tests.conftest import COLORS_BGR, draw_disc

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="conversion needs the train extra"),
]


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(convert, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def int8(run: Path, photos: Path) -> Path:
    out = run.parent / "int8.tflite"
    result = invoke(run, "--int8", "--representative", photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    measured = json.loads(result.stdout)[0]
    assert measured["n"] == 18 and measured["accuracy"] >= 0.9 and measured["agreement"] >= 0.9
    return out


def test_int8_takes_and_gives_bytes(int8: Path) -> None:
    interpreter = load_interpreter(Bundle.load(int8).flatbuffer)
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert taken["dtype"] == given["dtype"] == np.uint8
    assert taken["quantization"] == (1.0, 0)
    assert given["quantization"] == (1 / 256, 0)


def test_the_file_says_what_it_is(int8: Path, run: Path) -> None:
    bundle = Bundle.load(int8)
    assert bundle.manifest is not None
    assert bundle.labels == ("blue", "green", "red")
    assert bundle.manifest.quantization == "int8"
    assert bundle.manifest.threshold == 0.6
    assert bundle.manifest.accuracy["int8"]["n"] == 18
    assert METADATA_NAME.encode() in bundle.flatbuffer
    assert bundle.manifest.conversion["zipped_bytes"] == len(zlib.compress(bundle.flatbuffer, 9))


def test_the_file_knows_what_it_said_of_drawn_pictures(int8: Path) -> None:
    bundle, classifier = Bundle.load(int8), load_classifier(int8)
    assert bundle.manifest is not None and len(bundle.manifest.known_answer) == 4
    assert difference(ask(classifier, classifier.spec), bundle.manifest.known_answer) < 0.002


def test_every_format_agrees_with_the_original(run: Path, photos: Path) -> None:
    out = run.parent / "formats" / "tiny.tflite"
    result = invoke(run, "--all", "--representative", photos, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    rows = {row["format"]: row for row in json.loads(result.stdout)}
    assert set(rows) == set(FORMATS)
    assert rows["float32"]["worst_difference"] < 1e-4
    assert rows["int8"]["worst_difference"] < 0.15
    frame = draw_disc(COLORS_BGR["green"], seed=9000)
    for row in rows.values():
        assert load_classifier(Path(row["file"])).classify(frame).label == "green"


def test_a_foreign_float_network_must_say_how_it_wants_its_pixels(run: Path, tmp_path: Path) -> None:
    assert invoke(run, "--float32", "--out", tmp_path / "float.tflite").exit_code == 0
    (tmp_path / "foreign.tflite").write_bytes(join_content(Bundle.load(tmp_path / "float.tflite").flatbuffer, {}))
    labels = tmp_path / "labels.txt"
    labels.write_text("blue\ngreen\nred\n")
    with pytest.raises(ConfigError, match="does not say of which range"):
        load_classifier(tmp_path / "foreign.tflite", labels)
    frame = draw_disc(COLORS_BGR["red"], seed=9001)
    ours = load_classifier(tmp_path / "float.tflite").probabilities(frame)
    raw = load_classifier(tmp_path / "foreign.tflite", labels, input_range="bytes").probabilities(frame)
    scaled = load_classifier(tmp_path / "foreign.tflite", labels, input_range="0..1").probabilities(frame)
    assert raw.tolist() == ours.tolist()
    assert scaled.tolist() != ours.tolist()


def test_same_pictures_give_same_bytes(int8: Path, run: Path, photos: Path) -> None:
    again = run.parent / "again.tflite"
    assert invoke(run, "--representative", photos, "--out", again).exit_code == 0
    assert again.read_bytes() == int8.read_bytes()


def test_the_gate_keeps_a_bad_file_from_its_name(run: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = run.parent / "gated.tflite"
    wrong = np.tile(np.array([[0.0, 0.0, 1.0]], np.float32), (18, 1))
    monkeypatch.setattr(
        "sorter.converters.gate.run_converted", lambda content, pictures, *advance: wrong[: len(pictures)]
    )
    result = invoke(run, "--representative", photos, "--out", out)
    assert result.exit_code == AccuracyDropError.exit_code
    assert "more than the 1.0% allowed" in result.stderr
    assert not out.exists()


def test_an_unknown_folder_is_calibrated_on_but_not_tested(run: Path, make_dataset: Callable[..., Path]) -> None:
    other = make_dataset(per_class=20)
    result = invoke(run, "--representative", other, "--out", run.parent / "other.tflite", "--json")
    assert result.exit_code == 0, result.output
    assert "n" not in json.loads(result.stdout)[0]
    assert "not measured" in result.stderr
    checked = invoke(run, "--float32", "--check", other, "--out", run.parent / "other32.tflite", "--json")
    assert json.loads(checked.stdout)[0]["n"] == 60


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("NOWHERE", "--out", "x.tflite"), ConversionError.exit_code, "not a finished training run"),
        (("RUN", "--out", "x.tflite"), ConfigError.exit_code, "need photos to calibrate on"),
        (("RUN", "--representative", "NOWHERE", "--out", "x.tflite"), DatasetError.exit_code, "does not exist"),
        (("RUN", "--representative", "STRANGE", "--out", "x.tflite"), DatasetError.exit_code, "does not know: pear"),
    ],
)
def test_bad_input(
    run: Path, make_dataset: Callable[..., Path], arguments: tuple[str, ...], code: int, reason: str
) -> None:
    places = {"RUN": run, "NOWHERE": run.parent / "nowhere", "STRANGE": None}
    if "STRANGE" in arguments:
        places["STRANGE"] = make_dataset(labels=("red", "pear"))
    result = invoke(*(places.get(a, a) for a in arguments))
    assert result.exit_code == code
    assert reason in result.stderr and "Hint:" in result.stderr
    assert not Path("x.tflite").exists()


def test_equalisation_changes_weights_not_results() -> None:
    script = Path(__file__).with_name("equalize_badly_scaled.py")
    done = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    results = json.loads(done.stdout)
    assert results["relu6"]["normalizations"] == [["norm"]]
    assert [sorted(names) for names in results["stream"]["normalizations"]] == [["project", "stem"]]
    for result in (results["relu6"], results["stream"]):
        assert result["count"] == 1 and result["difference"] < 1e-5
        before, after = result["unevenness"]
        assert after < before / 2
    assert results["stream, not widely"]["count"] == 0
    assert results["leaky"]["count"] == 0, "something that is no convolution reads that stream"


def test_what_rounding_shifts_is_taken_off_the_biases() -> None:
    script = Path(__file__).with_name("correct_biases.py")
    done = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert result["count"] == 4
    assert result["after"] < result["before"] / 10, result


def test_a_damaged_network_is_explained(run: Path, tmp_path: Path) -> None:
    for file in run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:2000])
    result = invoke(tmp_path, "--float32", "--out", tmp_path / "x.tflite")
    assert result.exit_code == ConversionError.exit_code
    assert "cannot be read" in result.stderr


def test_a_worker_that_is_killed_is_explained_and_replaced(run: Path) -> None:
    source = open_source(run, ForeignOptions())
    with WorkerProcess() as worker:
        pids = [worker.ask("describe", network=source.to_request()) and worker.pid]
        assert pids[0] is not None
        os.kill(pids[0], signal.SIGSTOP)
        threading.Timer(0.2, os.kill, (pids[0], signal.SIGABRT)).start()
        threading.Timer(0.4, os.kill, (pids[0], signal.SIGCONT)).start()
        with pytest.raises(ConversionError, match="ended by signal 6"):
            conversion.convert(worker, source, ConversionOptions("float32"), None)
        assert conversion.convert(worker, source, ConversionOptions("float32"), None).flatbuffer
        assert worker.pid != pids[0]


def test_media_pipe_reads_the_file(int8: Path, photos: Path) -> None:
    mediapipe = pytest.importorskip("mediapipe", reason="MediaPipe, an independent reader, is not installed")
    vision = mediapipe.tasks.vision
    options = vision.ImageClassifierOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_buffer=int8.read_bytes())
    )
    ours = load_classifier(int8)
    with vision.ImageClassifier.create_from_options(options) as theirs:
        for label in ours.labels:
            frame = read_image(photos / label / "0.png")
            picture = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame[:, :, ::-1])
            )
            category = theirs.classify(picture).classifications[0].categories[0]
            answer = ours.classify(frame)
            assert category.category_name == answer.label == label
            # The file says that its scores are calibrated already, so they stay what they are.
            assert category.score == pytest.approx(answer.probability, abs=1e-6)


def test_the_converter_itself_never_imports_tensorflow() -> None:
    code = (
        "import sys, sorter.converters.cli, sorter.converters.conversion, sorter.converters.gate; "
        "sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0
