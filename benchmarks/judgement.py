"""Accuracy from probabilities, and a timing from its blocks: the figures of a report."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sorter.benchmarks.intervals import median_interval
from sorter.benchmarks.results import Accuracy, Timing
from sorter.metrics import Probabilities, evaluate

MIN_QUERIES, MIN_SECONDS = 1024, 60.0
"""At least so many classifications, or so many seconds of them: the rule of MLPerf Mobile for its single-stream
scenario (https://github.com/mlcommons/mobile_app_open; Reddi et al., "MLPerf Mobile Inference Benchmark", 2020)."""

_DRIFT = 0.05
_THREADS_USED = 0.7
_READY = 0.5


def judge_accuracy(
    scores: Probabilities, truth: Sequence[str], labels: Sequence[str], threshold: float | None
) -> Accuracy:
    """How good probabilities are.

    Args:
        scores: (n, classes).
        truth: Label of each photo.
        labels: Of the columns.
        threshold: Probability below which an object is rejected.
    """
    actual = np.array([labels.index(label) for label in truth])
    found = evaluate(scores, actual, labels)
    correct = scores.argmax(axis=1) == actual
    kept = scores.max(axis=1) >= (threshold or 0.0)
    return Accuracy(
        n=found["n"],
        accuracy=found["accuracy"],
        accuracy_95=found["accuracy_95"],
        worst_class=found["worst_class"],
        worst_class_recall=found["worst_class_recall"],
        ece=found["ece"],
        recalls={name: row["recall"] for name, row in found["per_class"].items() if row["support"]},
        threshold=threshold,
        rejected=None if threshold is None else float(np.mean(~kept)),
        wrong=None if threshold is None else float(np.mean(kept & ~correct)),
        correct="".join("1" if hit else "0" for hit in correct),
    )


def judge_timing(
    threads: int, blocks: Sequence[Mapping[str, Any]], loaded: Mapping[str, Any], endurance: Mapping[str, Any]
) -> Timing:
    """The figures of one candidate.

    Args:
        threads: What was asked for.
        blocks: Answers of the worker to ``time_block``, in the order of the rounds.
        loaded: Its answer to ``load``.
        endurance: Its answer to ``sustain``; may be empty.
    """
    times_ms = np.array([block["times_ms"] for block in blocks])
    rounds_ms = np.median(times_ms, axis=1)
    p25, p50, p75, p90, p99 = (float(p) for p in np.percentile(times_ms, [25, 50, 75, 90, 99]))
    wall_s = sum(block["wall_s"] for block in blocks)
    waited = [block["waited_s"] for block in blocks if block["waited_s"] is not None]
    third = max(1, len(rounds_ms) // 3)
    timing = Timing(
        threads=threads,
        n=times_ms.size,
        seconds=float(times_ms.sum() / 1e3),
        p50_ms=p50,
        p50_95_ms=median_interval(times_ms),
        p90_ms=p90,
        p99_ms=p99,
        max_ms=float(times_ms.max()),
        spread=(p75 - p25) / p50,
        prepare_ms=float(np.median([block["prepare_ms"] for block in blocks])),
        cores_used=sum(block["cpu_s"] for block in blocks) / wall_s,
        waited=sum(waited) / wall_s if waited else None,
        drift=float(np.median(rounds_ms[-third:]) / np.median(rounds_ms[:third])),
        rounds_ms=tuple(round(float(ms), 5) for ms in rounds_ms),
        load_ms=loaded["load_ms"],
        first_ms=loaded["first_ms"],
        resident_mb=loaded["resident_mb"],
        **_endurance_figures(endurance),
    )
    return Timing(**{**vars(timing), "flags": _flags(timing)})


def _endurance_figures(told: Mapping[str, Any]) -> dict[str, Any]:
    fps = told.get("fps") or [None]
    return {
        "sustained_fps": fps[-1],
        "sustained_drop": 1 - fps[-1] / fps[0] if fps[0] else None,
        "energy_mj": told.get("energy_mj"),
    }


def _flags(timing: Timing) -> tuple[str, ...]:
    found = []
    if timing.n < MIN_QUERIES and timing.seconds < MIN_SECONDS:
        found.append(
            f"{timing.n} classifications in {timing.seconds:.0f} s: a valid figure needs {MIN_QUERIES:,} or a minute."
        )
    cores = os.cpu_count() or 1
    if timing.threads > cores:
        found.append(f"{timing.threads} threads on {cores} cores.")
    # While the thread waited for a core, it could not have used any; where it mostly waited, nobody can tell.
    ready = 1 - (timing.waited or 0.0)
    wanted = timing.cores_used / ready if ready > _READY else timing.threads
    if timing.threads > 1 and wanted < _THREADS_USED * min(timing.threads, cores):
        found.append(
            f"{timing.threads} threads were asked for and {timing.cores_used:.2f} cores used: this interpreter does "
            "not run this network on more."
        )
    if timing.threads == 1 and timing.cores_used > 1.2:
        found.append(f"1 thread was asked for and {timing.cores_used:.2f} cores used.")
    if abs(timing.drift - 1) > _DRIFT:
        found.append(f"the median changed by more than {_DRIFT:.0%} from the first third of the rounds to the last.")
    return tuple(found)
