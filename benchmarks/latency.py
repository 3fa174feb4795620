"""How long a classification takes, fairly compared between candidates.

Candidates are timed in turns, in an order that is drawn anew for each turn, so that whatever else the machine does
hits all of them alike. Real pictures are used, never zeros: some kernels are faster on zeros.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sorter.image import Pixels

WARM_UP = 10
"""Calls of each candidate before the first that counts: caches fill, the clock frequency rises."""


@dataclass(frozen=True)
class Latency:
    """Percentiles of one candidate's times, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    n: int


def measure(
    candidates: Mapping[str, Callable[[Pixels], object]], frames: Sequence[Pixels], rounds: int, seed: int = 1
) -> dict[str, Latency]:
    """Times candidates in turns: the percentiles of what ``take_times`` gives."""
    return {name: percentiles(times) for name, times in take_times(candidates, frames, rounds, seed).items()}


def take_times(
    candidates: Mapping[str, Callable[[Pixels], object]], frames: Sequence[Pixels], rounds: int, seed: int = 1
) -> dict[str, list[float]]:
    """Times candidates in turns.

    Args:
        candidates: What to time, by name; each is called with a uint8 BGR frame.
        frames: Frames, used one after the other; every candidate sees the same ones.
        rounds: Timed calls of each candidate.
        seed: Of the order in which they take turns.

    Returns:
        Milliseconds of each call, in the order of the rounds.
    """
    rng = np.random.default_rng(seed)
    names = list(candidates)
    for name in names:
        for i in range(WARM_UP):
            candidates[name](frames[i % len(frames)])
    times_ms: dict[str, list[float]] = {name: [] for name in names}
    for i in range(rounds):
        frame = frames[i % len(frames)]
        for j in rng.permutation(len(names)):
            started_s = time.perf_counter()
            candidates[names[j]](frame)
            times_ms[names[j]].append((time.perf_counter() - started_s) * 1e3)
    return times_ms


def percentiles(times_ms: list[float]) -> Latency:
    """The percentiles of times in milliseconds."""
    p50, p90, p99 = (float(p) for p in np.percentile(times_ms, [50, 90, 99]))
    return Latency(p50, p90, p99, len(times_ms))
