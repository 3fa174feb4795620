"""The rows of a study's results table: our figures beside the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sorter.benchmarks.report import remarks as int8_remarks
from sorter.benchmarks.results import ModelResult
from sorter.benchmarks.studies.execution import Outcome, Progress
from sorter.benchmarks.studies.plan import Network
from sorter.benchmarks.studies.published import Published, Study
from sorter.metrics import wilson_interval

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One network of a study; what is not there is None.

    Attributes:
        recipe: Its name.
        published: What the study states.
        published_95: 95 % interval (Wilson) of the published accuracy, from the number of test photos.
        parameters: Ours, for as many classes as the study has.
        accuracy: Of the trained network, in floating point, on the test part.
        accuracy_95: Its 95 % interval (Wilson).
        photos: Test photos.
        int8_accuracy: Of the int8 file, on the same photos.
        int8_95: Its interval.
        agreement: Share of the test photos to which both give the same answer.
        bytes: Size of the int8 file.
        p50_ms: Median of classifying a 640x480 frame with it, preprocessing included, on one thread.
        p50_95_ms: Its 95 % bootstrap interval.
        epochs: Of its last phase.
        recipe_epochs: What the recipe says.
        seconds: Of the training.
        remark: What is unusual, or why something is missing.
        failed: Whether something went wrong.
    """

    recipe: str
    published: Published
    published_95: Interval | None
    parameters: int | None
    accuracy: float | None
    accuracy_95: Interval | None
    photos: int | None
    int8_accuracy: float | None
    int8_95: Interval | None
    agreement: float | None
    bytes: int | None
    p50_ms: float | None
    p50_95_ms: Interval | None
    epochs: int
    recipe_epochs: int
    seconds: float | None
    remark: str
    failed: bool

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def make_rows(study: Study, progress: Progress) -> list[Row]:
    """The table of a study, as far as it is there."""
    models = {model.model: model for model in (progress.measured.models if progress.measured else ())}
    return [_make_row(study, outcome, models.get(f"{outcome.network.name}.tflite")) for outcome in progress.outcomes]


def _make_row(study: Study, outcome: Outcome, model: ModelResult | None) -> Row:
    network, trained, converted = outcome.network, outcome.trained, outcome.converted
    published = study.find(network.name)
    found = trained.get("float", {})
    judged, timing = (model.accuracy, model.timing) if model else (None, None)
    return Row(
        recipe=network.name,
        published=published,
        published_95=_published_interval(published, study.test_photos),
        parameters=_count_parameters(network, trained, study.classes),
        accuracy=found.get("accuracy"),
        accuracy_95=_pair(found.get("accuracy_95")),
        photos=found.get("n"),
        int8_accuracy=judged.accuracy if judged else converted.get("accuracy"),
        int8_95=judged.accuracy_95 if judged else None,
        agreement=converted.get("agreement"),
        bytes=converted.get("bytes"),
        p50_ms=timing.p50_ms if timing else None,
        p50_95_ms=timing.p50_95_ms if timing else None,
        epochs=network.epochs,
        recipe_epochs=network.recipe.schedule.epochs,
        seconds=trained.get("seconds"),
        remark=_remark(outcome, published, model),
        failed=outcome.failed or bool(model and model.problem),
    )


def _count_parameters(network: Network, trained: Mapping[str, Any], classes: int | None) -> int | None:
    """Ours for the study's number of classes: only the last layer depends on it, which has a bias for each class."""
    if not trained:
        return None
    parameters: int = trained["parameters"]
    if classes is not None:
        parameters -= (network.recipe.layers.dense[-1] + 1) * (trained["classes"] - classes)
    return parameters


def _published_interval(published: Published, photos: int | None) -> Interval | None:
    if published.accuracy is None or photos is None:
        return None
    return wilson_interval(round(published.accuracy * photos), photos)


def _pair(values: Sequence[float] | None) -> Interval | None:
    return (values[0], values[1]) if values else None


def _remark(outcome: Outcome, published: Published, model: ModelResult | None) -> str:
    parts = [outcome.problem, model.problem if model else "", published.remark]
    if outcome.network.lacks_weights and not outcome.network.skipped:
        parts.append("from random weights, not from those of ImageNet")
    return "; ".join(part.rstrip(".") for part in parts if part)


def make_remarks(study: Study, progress: Progress, photos: str) -> list[str]:
    """What the reader of the table must know.

    Args:
        study: Whose table it is.
        progress: What is there.
        photos: Our photos, in words.
    """
    networks = [outcome.network for outcome in progress.outcomes if not outcome.network.skipped]
    short = [network.name for network in networks if network.is_shortened]
    found = []
    if short:
        who = "all of ours" if len(short) == len(networks) else ", ".join(short)
        found.append(
            f"SHORTENED: {who} had fewer epochs than the study's networks (see the column); longer training may change "
            "every accuracy and the order of the networks."
        )
    found += [f"Published: {study.source} {study.photos}", f"Ours: {photos}."]
    if study.classes:
        found.append(f"Parameters are those with the study's {study.classes} classes.")
    found.append("Published intervals are computed here from the number of test photos, where it is known.")
    if progress.problem:
        found.append(f"The int8 files could not be measured: {progress.problem}.")
    return [*found, *(int8_remarks(progress.measured) if progress.measured else ())]
