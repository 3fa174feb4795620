"""Reports with given figures."""

from typing import Any

import numpy as np

from sorter.benchmarks.judgement import judge_timing
from sorter.benchmarks.results import Accuracy, ModelResult, Results, Timing
from sorter.metrics import wilson_interval

MACHINE = {"processor": "Test", "architecture": "x86_64", "cores": 2, "python": "3.11", "interpreter": "litert 2"}
DATA = {"name": "photos", "fingerprint": "f1", "photos": 100, "labels": ["a", "b"]}


def make_accuracy(correct: str) -> Accuracy:
    """An accuracy with these right and wrong answers."""
    hits = correct.count("1")
    return Accuracy(
        n=len(correct),
        accuracy=hits / len(correct),
        accuracy_95=wilson_interval(hits, len(correct)),
        worst_class="a",
        worst_class_recall=0.5,
        ece=0.01,
        recalls={"a": 0.5, "b": 0.9},
        threshold=0.7,
        rejected=0.1,
        wrong=0.02,
        correct=correct,
    )


def make_timing(p50_ms: float, threads: int = 1, seed: int = 1) -> Timing:
    """A timing with about this median (exactly, after rounding to 0.01 ms)."""
    times = np.random.default_rng(seed).normal(0, 0.01, (64, 16))
    times += p50_ms - np.median(times)
    blocks: list[dict[str, Any]] = [
        {"times_ms": block.tolist(), "wall_s": 0.05, "cpu_s": 0.05 * threads, "waited_s": 0.0, "prepare_ms": 0.1}
        for block in times
    ]
    timing = judge_timing(threads, blocks, {"load_ms": 9.0, "first_ms": 4.0, "resident_mb": 60.0}, {})
    return Timing(**{**vars(timing), "p50_ms": round(timing.p50_ms, 2)})


def make_model(name: str, p50_ms: float, correct: str = "1" * 90 + "0" * 10, size: int = 1_000_000) -> ModelResult:
    """A model with these figures; its content is told by its name and size."""
    return ModelResult(
        name,
        format="int8",
        sha256=f"{name}-{size}",
        bytes=size,
        zipped_bytes=size // 2,
        input="96x96",
        parameters=1000,
        macs=10_000,
        accuracy=make_accuracy(correct),
        timings=(make_timing(p50_ms),),
    )


def make_results(*models: ModelResult, machine: dict[str, Any] | None = None, **data: Any) -> Results:
    """A report of these models."""
    conditions: dict[str, Any] = {"before": {}, "during": {}, "after": {}, "sittings": 1, "warnings": []}
    return Results(MACHINE | (machine or {}), DATA | data, {"energy": None}, conditions, models)
