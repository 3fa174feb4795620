"""The device's classifier on a shipped network."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sorter.bundle import Bundle, join_content
from sorter.classifier import TwoStepClassifier, load_classifier
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.errors import BundleError, ConfigError
from sorter.image import prepare
from sorter.interpreter import CHOICE_VARIABLE, find_interpreter, load_interpreter
from sorter.models import find_model, shipped_models

MODEL = find_model("fruit-demo-int8")


def test_it_names_rendered_fruits() -> None:
    classifier = load_classifier(MODEL)
    rng = np.random.default_rng(77)
    right = 0
    for i in range(60):
        label = FRUITS[i % 6]
        prediction = classifier.classify(render_object(label, rng, (320, 240)))
        assert prediction.probabilities.shape == (6,) and prediction.probabilities.dtype == np.float32
        assert prediction.probabilities.sum() == pytest.approx(1.0, abs=0.03)
        assert prediction.probability == prediction.probabilities.max()
        right += prediction.label == label
    assert right >= 54


def test_pixels_reach_the_network_as_prepared() -> None:
    """The same picture through the bare interpreter, byte for byte."""
    classifier, bare = load_classifier(MODEL), load_interpreter(Bundle.load(MODEL).flatbuffer)
    frame = render_object("kiwi", np.random.default_rng(5), (640, 480))
    bare.set_tensor(bare.get_input_details()[0]["index"], prepare(frame, classifier.spec)[np.newaxis])
    bare.invoke()
    expected = bare.get_tensor(bare.get_output_details()[0]["index"])[0] / np.float32(256)
    assert classifier.probabilities(frame).tolist() == expected.tolist()


def test_results_do_not_change_when_the_next_picture_comes() -> None:
    classifier = load_classifier(MODEL)
    rng = np.random.default_rng(6)
    first = classifier.classify(render_object("lemon", rng, (320, 240))).probabilities
    kept = first.copy()
    classifier.classify(render_object("avocado", rng, (320, 240)))
    assert first.tolist() == kept.tolist()


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """The shipped network as another program would have written it: metadata's name kept, no files behind."""
    path = tmp_path / "foreign.tflite"
    path.write_bytes(join_content(Bundle.load(MODEL).flatbuffer, {}))
    return path


def write_labels(tmp_path: Path, *labels: str) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(labels), encoding="utf-8")
    return path


def test_a_foreign_file_runs_with_labels(foreign: Path, tmp_path: Path) -> None:
    classifier = load_classifier(foreign, write_labels(tmp_path, *"uvwxyz"))
    frame = cv2.resize(render_object("orange", np.random.default_rng(8), (320, 240)), (640, 480))
    ours = load_classifier(MODEL).probabilities(frame)  # type: ignore[arg-type]
    assert classifier.labels == tuple("uvwxyz")
    assert classifier.probabilities(frame).tolist() == ours.tolist()  # type: ignore[arg-type]


def test_labels_of_another_number_are_refused(foreign: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="gives 6 scores, but there are 2 labels"):
        load_classifier(foreign, write_labels(tmp_path, "a", "b"))


def test_a_flatbuffer_that_was_cut_is_refused(tmp_path: Path) -> None:
    cut = Bundle.load(MODEL).flatbuffer[:60_000].replace(b"TFLITE_METADATA", b"TFLITE_METADATX")
    (tmp_path / "cut.tflite").write_bytes(cut)
    with pytest.raises(BundleError) as raised:
        load_classifier(tmp_path / "cut.tflite", write_labels(tmp_path, *"uvwxyz"))
    assert raised.value.hint


def test_the_choice_of_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_interpreter()[0] in ("litert", "tflite-runtime")
    monkeypatch.setenv(CHOICE_VARIABLE, "other")
    with pytest.raises(ConfigError, match="unknown"):
        find_interpreter()
    monkeypatch.delenv(CHOICE_VARIABLE)
    monkeypatch.setattr("importlib.import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(ConfigError, match="No TFLite interpreter") as raised:
        find_interpreter()
    assert "edge" in raised.value.hint


def test_shipped_networks_are_found_by_name_and_by_path() -> None:
    assert find_model("fruit-demo-int8") == find_model(str(MODEL)) == MODEL
    assert "fruit-demo-int8" in shipped_models()
    assert find_model("nothing") == Path("nothing")


def test_other_work_may_begin_once_the_frame_is_prepared() -> None:
    classifier = load_classifier(MODEL)
    frame = render_object("kiwi", np.random.default_rng(5), (640, 480))
    expected = classifier.classify(frame)
    begun: list[bool] = []

    def begin() -> None:
        begun.append(True)
        frame[:] = 0  # by now the network no longer looks at the frame

    assert isinstance(classifier, TwoStepClassifier)
    assert classifier.classify_meanwhile(frame, begin).probabilities.tolist() == expected.probabilities.tolist()
    assert begun == [True]
