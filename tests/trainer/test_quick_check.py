"""What the quick check makes of an ImageNet network's answers, and the command over drawn photos."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sorter.metrics import Probabilities
from sorter.trainer.cli import train
from sorter.trainer.quick_check import advise, describe, judge, tell_apart
from tests.conftest import SHARED

# Keras 3.15 converts variables in a way that NumPy 2 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = [f"class {i}" for i in range(1000)]


def answers(*favourites: int, count: int = 10, noise: float = 0.2, seed: int = 0) -> Probabilities:
    """Random answers in which one of the favourites usually leads."""
    rng = np.random.default_rng((seed, *favourites))
    raw = rng.random((count, 1000)) * noise / 1000
    raw[np.arange(count), rng.choice(favourites, count)] += 1 - noise
    probabilities: Probabilities = (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    return probabilities


def test_classes_with_answers_of_their_own_are_told_apart() -> None:
    assert tell_apart([answers(1), answers(2), answers(3, 4)]) == [1.0, 1.0, 1.0]


def test_classes_with_the_same_answers_are_not() -> None:
    shares = tell_apart([answers(1, 2, 3, count=60, seed=s) for s in range(3)])
    assert np.mean(shares) < 0.6


def test_a_picture_does_not_speak_for_itself() -> None:
    """Each picture has an answer that no other has: compared with a mean that holds itself, all would be right."""
    unlike = [np.eye(1000, dtype=np.float32)[10 * c : 10 * c + 10] for c in range(2)]
    assert tell_apart(unlike) == [0.0, 0.0]


def test_the_outcome_names_what_is_consistent_and_what_is_hard() -> None:
    given = {"cup": answers(7), "mug": answers(8, 9, count=20), "jar": answers(8, 9, count=20, seed=1)}
    result = judge("mobilenetv2", {"cup": 300, "mug": 200, "jar": 200}, given, NAMES)
    cup, mug = result.classes[:2]
    assert cup.answers == (("class 7", 1.0),) and cup.consistency == 1.0 == cup.told_apart
    assert {name for name, _ in mug.answers} == {"class 8", "class 9"} and mug.consistency < 1
    assert result.advice == "fine-tuning" and "Hardest" in result.reasons[-1] and "cup" not in result.reasons[-1]
    lines = "\n".join(describe(result))
    assert "class 7 100%" in lines and "Advice: fine-tuning." in lines and "guessing: 33%" in lines


@pytest.mark.parametrize(
    ("told_apart", "photos", "advice", "words"),
    [
        (0.95, 30, "transfer", "few"),
        (0.95, 900, "transfer", "may win the last few per cent"),
        (0.6, 900, "fine-tuning", "only in part"),
        (0.3, 900, "fine-tuning", "hardly"),
        (0.3, 30, "transfer", "collect 100 or more"),
    ],
)
def test_the_advice_follows_from_the_answers_and_the_number_of_photos(
    told_apart: float, photos: int, advice: str, words: str
) -> None:
    given, reasons = advise(told_apart, chance=0.25, fewest_photos=photos)
    assert given == advice and words in " ".join(reasons)


def run(photos: Path, *more: object) -> Result:
    return CliRunner().invoke(train, [str(photos), "--quick-check", *map(str, more)])


def test_a_network_from_scratch_cannot_be_asked(make_photos: Callable[..., Path]) -> None:
    result = run(make_photos(disc=3, square=3), "--model", "small")
    assert result.exit_code == 3 and "no ImageNet network" in result.stderr


def test_weights_without_a_classifier_cannot_answer(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    keras: Any = pytest.importorskip("keras")
    file = tmp_path / "no_top.weights.h5"
    keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(96, 96, 3)).save_weights(file)
    result = run(make_photos(disc=3, square=3), "--model", "mobilenetv3-small", "--weights", file)
    assert result.exit_code == 6 and "do not fit" in result.stderr and "with the ImageNet classifier" in result.stderr


def test_one_picture_a_class_is_not_enough(make_photos: Callable[..., Path]) -> None:
    file = SHARED / "weights" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    if not file.is_file():
        pytest.skip("the shared weights are not here")
    pytest.importorskip("keras", reason="needs TensorFlow")
    result = run(make_photos(disc=1, square=3), "--weights", file)
    assert result.exit_code == 4 and "disc" in result.stderr


def test_real_photos_get_a_plain_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SHARED / "weights" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    flowers = SHARED / "data" / "flowers"
    if not file.is_file() or not flowers.is_dir():
        pytest.skip("the shared weights or photos are not here")
    pytest.importorskip("keras", reason="needs TensorFlow")
    # The list of names must not be downloaded by a test.
    names = {str(i): [f"n{i}", f"name_{i}"] for i in range(1000)}
    monkeypatch.setattr("keras.src.backend.config.keras_home", lambda: str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "imagenet_class_index.json").write_text(json.dumps(names))
    result = run(flowers, "--weights", file, "--json")
    assert result.exit_code == 0, result.output
    outcome = json.loads(result.stdout)
    assert outcome["advice"] in ("transfer", "fine-tuning") and outcome["told_apart"] > outcome["chance"]
    daisy = {c["label"]: c for c in outcome["classes"]}["daisy"]
    # ImageNet has daisies: class 985.
    assert daisy["answers"][0][0].endswith("985"), daisy
