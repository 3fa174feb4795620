"""Photos for the report: the worst mistakes, and where the network looks when it is right and when it is wrong."""

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from sorter.cli import inform
from sorter.errors import DatasetError, SorterError
from sorter.image import Pixels, read_image
from sorter.trainer.evaluation import Evaluation
from sorter.trainer.illustration import Illustration, illustrate
from sorter.trainer.judge import KerasJudge
from sorter.trainer.page import Tile
from sorter.trainer.rejection import worst_mistakes

_MISTAKES = 12
_EXAMPLES = 4
"""Of right, and of wrong answers."""

_THUMBNAIL_PX = 260


def mistake_tiles(evaluation: Evaluation) -> tuple[Tile, ...]:
    """The wrong answers of which the network was most sure."""
    tiles = []
    for row, photo in _readable(evaluation, worst_mistakes(evaluation.probabilities, evaluation.actual, _MISTAKES)):
        tiles.append(Tile(_encode(_shrink(photo)), _answer(evaluation, row), evaluation.photos[row].filename))
    return tuple(tiles)


def attention_tiles(evaluation: Evaluation, judge: KerasJudge) -> tuple[tuple[Tile, ...], tuple[Tile, ...]]:
    """Grad-CAM of some right and of some wrong answers; none where the network has no place to look at."""
    from sorter.trainer.explanation import Explainer

    try:
        explainer = Explainer(judge.network)
        right = _attention(evaluation, judge, explainer, _typical_rows(evaluation))
        mistakes = worst_mistakes(evaluation.probabilities, evaluation.actual, _EXAMPLES)
        return right, _attention(evaluation, judge, explainer, mistakes)
    except SorterError as error:
        inform(f"The report shows no heat maps: {error.message}")
        return (), ()


def _attention(
    evaluation: Evaluation, judge: KerasJudge, explainer: Any, rows: Sequence[int] | np.ndarray[Any, Any]
) -> tuple[Tile, ...]:
    tiles = []
    for row, photo in _readable(evaluation, rows):
        result = illustrate(explainer, photo, judge.spec)
        tiles.append(Tile(_encode(result.picture_bgr), _answer(evaluation, row), _describe_share(result)))
    return tuple(tiles)


def _describe_share(result: Illustration) -> str:
    if result.background_share is None:
        return "background: no object found that stands out"
    area = f", which is {result.background_area:.0%} of the picture"
    return f"{result.background_share:.0%} of the attention on the background{area}"


def _typical_rows(evaluation: Evaluation) -> list[int]:
    """Of each class a right answer with the middle probability, of as many classes as are shown."""
    probabilities, chosen = evaluation.probabilities, []
    right = probabilities.argmax(axis=1) == evaluation.actual
    for label in range(len(evaluation.labels)):
        rows = np.flatnonzero(right & (evaluation.actual == label))
        if len(rows):
            order = np.argsort(probabilities[rows, label], kind="stable")
            chosen.append(int(rows[order[len(rows) // 2]]))
    return chosen[:_EXAMPLES]


def _answer(evaluation: Evaluation, row: int) -> str:
    predicted = int(evaluation.probabilities[row].argmax())
    actual, probability = int(evaluation.actual[row]), evaluation.probabilities[row, predicted]
    if predicted == actual:
        return f"{evaluation.labels[actual]}, {probability:.0%} sure"
    return f"{evaluation.labels[actual]}, taken for {evaluation.labels[predicted]}, {probability:.0%} sure"


def _readable(evaluation: Evaluation, rows: Sequence[int] | np.ndarray[Any, Any]) -> Iterator[tuple[int, Pixels]]:
    for row in rows:
        try:
            yield int(row), read_image(evaluation.photos[int(row)].path)
        except DatasetError:
            # It was there when it was judged; a report is not worth failing for.
            continue


def _shrink(photo_bgr: Pixels) -> Pixels:
    height, width = photo_bgr.shape[:2]
    scale = min(1.0, _THUMBNAIL_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(photo_bgr, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _encode(picture_bgr: Pixels) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes()
