"""From probabilities to a bin: pure code, no clock, no device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sorter.errors import ConfigError

if TYPE_CHECKING:
    from sorter.metrics import Probabilities


@dataclass(frozen=True)
class BinMap:
    """Which bin each label belongs in.

    Attributes:
        bins: Bin number by label.
        reject: Bin for objects that cannot be told with confidence.
    """

    bins: Mapping[str, int]
    reject: int = 0

    @property
    def numbers(self) -> frozenset[int]:
        """The bins in use, the reject bin among them."""
        return frozenset((self.reject, *self.bins.values()))

    def describe(self) -> str:
        """The assignment as one line for people."""
        return f"Bins: {', '.join(f'{label} {number}' for label, number in self.bins.items())}; reject {self.reject}"


def make_bin_map(labels: Sequence[str], given: Mapping[str, int], reject: int) -> BinMap:
    """Assigns bins to labels.

    Args:
        labels: The classifier's labels.
        given: Bin by label; a label without one goes where ``*`` says. Without any the labels get bins 1, 2, 3 ... in
            their order.
        reject: Bin for rejected objects.

    Raises:
        ConfigError: There is no such label, a label has no bin, or a bin's number is negative.
    """
    if not given:
        return BinMap({label: i for i, label in enumerate(labels, start=1)}, reject)
    if min(reject, *given.values()) < 0:
        raise ConfigError("A bin's number is negative.", "Bins are numbered from 0.")
    unknown = [label for label in given if label not in labels and label != "*"]
    if unknown:
        raise ConfigError(
            f"There is no label {unknown[0]!r} to give a bin.", f"The model's labels are: {', '.join(labels)}."
        )
    homeless = [label for label in labels if label not in given and "*" not in given]
    if homeless:
        raise ConfigError(
            f"Label {homeless[0]!r} has no bin.",
            "Add --bin for it, or --bin '*=N' for all others; [bins.labels] in a configuration file.",
        )
    return BinMap({label: given.get(label, given.get("*", reject)) for label in labels}, reject)


@dataclass(frozen=True)
class DecisionOptions:
    """When to trust a classification.

    Attributes:
        votes: Frames to average.
        threshold: Lowest mean probability that is not rejected.
        margin: Lowest distance to the second class that is not rejected.
        thresholds: Labels with a threshold of their own, for those that are costly to get wrong.
    """

    votes: int = 3
    threshold: float = 0.5
    margin: float = 0.1
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = (self.threshold, self.margin, *self.thresholds.values())
        if self.votes < 1 or not all(0 <= share <= 1 for share in shares):
            raise ConfigError(
                "Votes must be at least 1, thresholds and margin between 0 and 1.", "See sorter-run --help."
            )

    def threshold_of(self, label: str) -> float:
        """The threshold that counts for a label."""
        return self.thresholds.get(label, self.threshold)


@dataclass(frozen=True)
class Decision:
    """What is to happen to one object.

    Attributes:
        label: The most probable class.
        probability: Its mean probability.
        probabilities: Mean probability of each class.
        bin: Where the object goes.
        rejected: Why it goes to the reject bin; empty when it does not.
    """

    label: str
    probability: float
    probabilities: tuple[float, ...]
    bin: int
    rejected: str = ""


def decide(
    votes: Sequence["Probabilities"], objects: int, labels: Sequence[str], bins: BinMap, options: DecisionOptions
) -> Decision:
    """Decides from the mean of several frames' probabilities.

    Args:
        votes: Probabilities (classes,) of each frame, at least one.
        objects: How many objects lie there; more than one is rejected, because only one label can be right.
        labels: Class names in the order of the probabilities.
        bins: Where each label belongs.
        options: When to trust the result.
    """
    mean = sum(votes[1:], start=votes[0]) / len(votes)
    order = mean.argsort()
    best = int(order[-1])
    runner_up = float(mean[order[-2]]) if len(mean) > 1 else 0.0
    probability = float(mean[best])
    threshold = options.threshold_of(labels[best])
    reason = ""
    if objects > 1:
        reason = f"{objects} objects at once"
    elif probability < threshold:
        reason = f"probability {probability:.2f} below {threshold:.2f}"
    elif probability - runner_up < options.margin:
        reason = f"too close to {labels[int(order[-2])]}"
    bin_number = bins.reject if reason else bins.bins[labels[best]]
    return Decision(labels[best], probability, tuple(float(p) for p in mean), bin_number, reason)
