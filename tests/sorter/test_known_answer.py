"""Drawn pictures, and what networks are known to say of them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from sorter.bundle import Bundle
from sorter.classifier import load_classifier
from sorter.errors import BundleError
from sorter.image import InputSpec
from sorter.known_answer import MOST_DIFFERENCE, ask, difference, draw
from sorter.manifest import Manifest
from sorter.models import find_model, shipped_models


def test_the_pictures_are_the_same_everywhere() -> None:
    pictures = draw(InputSpec(96, 64))
    assert [picture.shape for picture in pictures] == [(64, 96, 3)] * 4
    digests = [hashlib.sha256(picture.tobytes()).hexdigest()[:16] for picture in pictures]
    # A change here makes every file that was converted before look wrongly computed.
    assert digests == ["461783989d48d4ac", "50336b6ad6cf9e51", "3c48b9b19df7ddc8", "e1e8945202593a3b"]


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_networks_say_here_what_they_said_where_they_were_made(name: str) -> None:
    bundle, classifier = Bundle.load(find_model(name)), load_classifier(find_model(name))
    assert bundle.manifest is not None and len(bundle.manifest.known_answer) == 4
    answers = ask(classifier, classifier.spec)
    assert difference(answers, bundle.manifest.known_answer) < MOST_DIFFERENCE / 2
    # One that said the same of every picture would find out nothing.
    assert difference(answers[:-1], answers[1:]) > MOST_DIFFERENCE


def test_the_difference_is_what_lies_on_other_classes() -> None:
    known = [[0.5, 0.5, 0.0], [0.0, 0.9, 0.1]]
    assert difference(known, known) == 0
    assert difference([[0.5, 0.5, 0.0], [0.0, 0.6, 0.4]], known) == pytest.approx(0.3)
    assert difference([[0.0, 0.0, 1.0], [0.0, 0.9, 0.1]], known) == 1
    assert difference([[0.5, 0.5, 0.0], [np.nan] * 3], known) == 1


def test_a_manifest_keeps_the_answer_and_refuses_one_of_other_classes() -> None:
    answered = Manifest("m", ("a", "b"), InputSpec(32, 32), known_answer=((0.25, 0.75), (1.0, 0.0)))
    assert Manifest.from_json(answered.to_json(), "m").known_answer == answered.known_answer
    silent = Manifest("m", ("a", "b"), InputSpec(32, 32)).to_json().replace('"known_answer": [],', "")
    assert Manifest.from_json(silent, "m").known_answer == ()
    odd = answered.to_json().replace("0.75", "0.5,\n      0.25")
    with pytest.raises(BundleError, match="another number of classes"):
        Manifest.from_json(odd, str(Path("m")))
