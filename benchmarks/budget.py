"""``--budget "latency<20ms size<3MB"``: the best model within limits, and why."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sorter.benchmarks.intervals import accuracy_difference
from sorter.benchmarks.results import ModelResult, Results
from sorter.errors import ConfigError

_CONDITION = re.compile(r"([a-z0-9]+)(<=|>=|<|>)([0-9]+(?:\.[0-9]+)?)(%|[a-zA-Z]*)")

_TIME = {"": 1.0, "ms": 1.0, "s": 1000.0, "us": 0.001}
_BYTES = {"": 1e6, "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9}
_MEGABYTES = {unit: factor / 1e6 for unit, factor in _BYTES.items()}
_SHARE = {"": 1.0, "%": 0.01}
_COUNT = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}

_METRICS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "latency": ("timing.p50_ms", _TIME),
    "p50": ("timing.p50_ms", _TIME),
    "p90": ("timing.p90_ms", _TIME),
    "p99": ("timing.p99_ms", _TIME),
    "fps": ("timing.fps", {"": 1.0}),
    "memory": ("timing.resident_mb", _MEGABYTES),
    "size": ("bytes", _BYTES),
    "zipped": ("zipped_bytes", _BYTES),
    "parameters": ("parameters", _COUNT),
    "macs": ("macs", _COUNT),
    "accuracy": ("accuracy.accuracy", _SHARE),
    "worst": ("accuracy.worst_class_recall", _SHARE),
    "ece": ("accuracy.ece", _SHARE),
    "wrong": ("accuracy.wrong", _SHARE),
    "rejected": ("accuracy.rejected", _SHARE),
}
"""Where a figure is found in a ``ModelResult``, and in which units it may be written."""

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class Limit:
    """One condition of a budget.

    Attributes:
        text: As it was written.
        metric: Of which figure.
        operator: How it must compare.
        value: With what, in the figure's own unit (milliseconds, bytes, shares).
    """

    text: str
    metric: str
    operator: str
    value: float

    def holds(self, model: ModelResult) -> bool:
        """Whether a model keeps it; one whose figure is not known does not."""
        figure = _figure(self.metric, model)
        return figure is not None and _OPERATORS[self.operator](figure, self.value)


@dataclass(frozen=True)
class Verdict:
    """What a budget chooses.

    Attributes:
        winner: Name of the best model within all limits; None where none is.
        reasons: Why, as sentences.
    """

    winner: str | None
    reasons: tuple[str, ...]


def _figure(metric: str, model: ModelResult) -> float | None:
    value: Any = model
    for name in _METRICS[metric][0].split("."):
        value = None if value is None else getattr(value, name)
    return None if value is None else float(value)


def parse_budget(text: str) -> tuple[Limit, ...]:
    """Reads conditions such as ``latency<20ms size<3MB accuracy>90%``.

    Raises:
        ConfigError: A condition is none, or names an unknown figure or unit.
    """
    limits = tuple(_parse(condition) for condition in text.replace(",", " ").split())
    if not limits:
        raise ConfigError("The budget is empty.", "Write for example --budget 'latency<20ms size<3MB'.")
    return limits


def _parse(text: str) -> Limit:
    match = _CONDITION.fullmatch(text)
    hint = f"Write for example latency<20ms; figures are {', '.join(_METRICS)}."
    if not match:
        raise ConfigError(f"Cannot read the condition {text!r} of the budget.", hint)
    metric, operator, number, unit = match.groups()
    if metric not in _METRICS:
        raise ConfigError(f"The budget names {metric!r}, which is no figure of the report.", hint)
    units = _METRICS[metric][1]
    if unit not in units:
        known = ", ".join(name for name in units if name) or "none"
        raise ConfigError(f"The budget gives {metric} in {unit!r}.", f"Units of {metric} are: {known}.")
    return Limit(text, metric, operator, float(number) * units[unit])


def choose(results: Results, limits: Sequence[Limit]) -> Verdict:
    """The most accurate model within the limits; the fastest of those that are no worse as far as the photos tell."""
    measured = [model for model in results.models if model.timing]
    within = [model for model in measured if all(limit.holds(model) for limit in limits)]
    reasons = [_why_out(model, limits) for model in measured if model not in within]
    reasons += [f"{model.model} could not be measured." for model in results.models if not model.timing]
    wanted = " ".join(limit.text for limit in limits)
    if not within:
        return Verdict(None, (f"No model keeps {wanted}.", *reasons))
    best = max(
        within, key=lambda m: (m.accuracy.accuracy if m.accuracy else 0.0, -(m.timing.p50_ms if m.timing else 0.0))
    )
    equals = [model for model in within if model is best or not _is_worse(model, best)]
    winner = min(equals, key=lambda m: m.timing.p50_ms if m.timing else 0.0)
    return Verdict(winner.model, (_praise(winner, best, equals, wanted), *reasons))


def _is_worse(model: ModelResult, best: ModelResult) -> bool:
    if not model.accuracy or not best.accuracy:
        return False
    _, high = accuracy_difference(model.accuracy.correct, best.accuracy.correct, paired=True)
    return high < 0.0


def _praise(winner: ModelResult, best: ModelResult, equals: Sequence[ModelResult], wanted: str) -> str:
    assert winner.timing
    if not winner.accuracy or not best.accuracy:
        return (
            f"{winner.model} wins within {wanted}: the fastest, {winner.timing.p50_ms:.2f} ms; accuracy not measured."
        )
    sentence = f"{winner.model} wins within {wanted}: {winner.accuracy.accuracy:.1%}, {winner.timing.p50_ms:.2f} ms"
    if winner is best:
        return f"{sentence}; none within is more accurate" + (
            ", and of its equals it is the fastest." if equals[1:] else "."
        )
    return (
        f"{sentence}; {best.model} reaches {best.accuracy.accuracy:.1%}, which these {winner.accuracy.n} photos do not "
        "tell apart, and is slower."
    )


def _why_out(model: ModelResult, limits: Sequence[Limit]) -> str:
    broken = [limit for limit in limits if not limit.holds(model)]
    figures = ", ".join(f"{limit.text} (has {_show(limit, model)})" for limit in broken)
    return f"{model.model} is out by {figures}."


def _show(limit: Limit, model: ModelResult) -> str:
    units, value = _METRICS[limit.metric][1], _figure(limit.metric, model)
    if value is None:
        return "no such figure"
    if units is _TIME:
        return f"{value:.2f} ms"
    if units is _BYTES:
        return f"{value / 1e6:.2f} MB"
    if units is _MEGABYTES:
        return f"{value:.0f} MB"
    return f"{value:.1%}" if units is _SHARE else f"{value:,.0f}"
