"""Two reports of one machine, old and new: has a model become slower, worse or larger?"""

from collections.abc import Iterator
from dataclasses import dataclass

from sorter.benchmarks.intervals import accuracy_difference, compare_medians
from sorter.benchmarks.results import ModelResult, Results, Timing
from sorter.errors import ConfigError


@dataclass(frozen=True)
class Change:
    """One figure of one model.

    Attributes:
        model: Name of the model.
        figure: Which figure.
        old: Its old value, as text.
        new: Its new value.
        change: The change with its 95 % interval, in words.
        fails: Whether it is a regression.
    """

    model: str
    figure: str
    old: str
    new: str
    change: str
    fails: bool


def require_same_machine(old: Results, new: Results) -> None:
    """Checks that two reports come from the same kind of machine.

    Raises:
        ConfigError: They do not.
    """
    keys = ("processor", "architecture", "cores")
    differences = [
        f"{key} {old.machine[key]} and {new.machine[key]}" for key in keys if old.machine[key] != new.machine[key]
    ]
    if differences:
        raise ConfigError(
            f"The reports come from different machines ({'; '.join(differences)}).",
            "Compare reports of one machine; sorter-bench merge shows several side by side.",
        )


def compare(old: Results, new: Results, fail_over: float, accuracy_drop: float) -> list[Change]:
    """Compares models of the same name.

    A time fails where its whole 95 % interval lies above what is allowed: what may be chance does not fail. So does an
    accuracy; a file's size is exact.

    Args:
        old: Before.
        new: After.
        fail_over: How much slower or larger a model may become, as a share.
        accuracy_drop: How much accuracy it may lose.
    """
    before = {model.model: model for model in old.models}
    found: list[Change] = []
    for model in new.models:
        if model.model not in before:
            found.append(Change(model.model, "all", "-", "new", "nothing to compare with", False))
            continue
        found += _compare_model(before.pop(model.model), model, fail_over, accuracy_drop)
    for name, model in before.items():
        was, lost = model.problem or "measured", not model.problem
        found.append(Change(name, "all", was, "-", "is missing in the new report", lost))
    return found


def _compare_model(old: ModelResult, new: ModelResult, fail_over: float, accuracy_drop: float) -> Iterator[Change]:
    if new.problem:
        yield Change(new.model, "all", old.problem or "measured", new.problem, "cannot be measured", not old.problem)
        return
    if old.bytes and new.bytes:
        ratio = new.bytes / old.bytes
        sizes = (f"{old.bytes / 1e6:.2f} MB", f"{new.bytes / 1e6:.2f} MB")
        yield Change(new.model, "size", *sizes, f"{ratio - 1:+.1%}", ratio > 1 + fail_over)
    if old.accuracy and new.accuracy:
        # The same photos in the same order, unless one could not be read in one of the runs.
        paired = old.accuracy.n == new.accuracy.n
        low, high = accuracy_difference(new.accuracy.correct, old.accuracy.correct, paired)
        change = f"{low:+.1%} to {high:+.1%}"
        accuracies = (f"{old.accuracy.accuracy:.1%}", f"{new.accuracy.accuracy:.1%}")
        yield Change(new.model, "accuracy", *accuracies, change, high < -accuracy_drop)
    before = {timing.threads: timing for timing in old.timings}
    for timing in new.timings:
        if timing.threads in before:
            yield _compare_timing(new.model, before[timing.threads], timing, fail_over)


def _compare_timing(model: str, old: Timing, new: Timing, fail_over: float) -> Change:
    ratio = compare_medians(new.rounds_ms, old.rounds_ms, paired=False)
    change = f"{ratio.value - 1:+.1%} ({ratio.low - 1:+.1%} to {ratio.high - 1:+.1%})"
    if not ratio.differs:
        change += ", no difference"
    figure = f"p50, {new.threads} thread{'s' if new.threads > 1 else ''}"
    return Change(
        model, figure, f"{old.p50_ms:.2f} ms", f"{new.p50_ms:.2f} ms", change, ratio.low > 1 + fail_over
    )  # fmt: skip
