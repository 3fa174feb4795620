"""Which models nobody needs: another one is at least as good and at least as fast."""

from collections.abc import Sequence
from dataclasses import dataclass

from sorter.benchmarks.results import ModelResult, Results


@dataclass(frozen=True)
class Point:
    """A model in the plane of latency and accuracy.

    Attributes:
        model: The model; it has an accuracy and a timing.
        dominated_by: Name of a model that is no slower and no worse, and better in one of the two; empty for a model
            on the front.
    """

    model: ModelResult
    dominated_by: str

    @property
    def p50_ms(self) -> float:
        """Median latency in milliseconds."""
        return self.model.timing.p50_ms if self.model.timing else 0.0

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.model.accuracy.accuracy if self.model.accuracy else 0.0


def find_front(results: Results) -> list[Point]:
    """All models that have an accuracy and a timing, fastest first."""
    measured = [model for model in results.models if model.accuracy and model.timing]
    points = [Point(model, _dominator(model, measured)) for model in measured]
    return sorted(points, key=lambda point: (point.p50_ms, -point.accuracy))


def _dominator(model: ModelResult, others: Sequence[ModelResult]) -> str:
    mine = Point(model, "")
    for other in (Point(other, "") for other in others if other is not model):
        no_worse = other.p50_ms <= mine.p50_ms and other.accuracy >= mine.accuracy
        if no_worse and (other.p50_ms < mine.p50_ms or other.accuracy > mine.accuracy):
            return other.model.model
    return ""
