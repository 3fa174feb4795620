"""The way of one object, from the camera's frame to the arm's report: ``sorter-run`` itself, on a simulated platform.

The platform lays real photos on the place, the arm speaks the real protocol on a pseudo-terminal; the camera and the
arm's motion are simulated. The times are the sorter's own.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sorter.benchmarks.measurement import Measurement
from sorter.benchmarks.results import ModelResult, Results
from sorter.cli import inform, warn

_RUN = [sys.executable, "-c", "from sorter.edge.cli import run; run()"]
_PER_OBJECT_S, _START_S = 15.0, 60.0
_CLASSIFYING = "classify"


def choose_model(results: Results, winner: str | None) -> ModelResult | None:
    """Which model's way is shown: a budget's winner, or the most accurate ``.tflite``; None where there is none."""
    able = [model for model in results.models if model.kind == "tflite" and model.timings and model.accuracy]
    for model in able:
        if model.model == winner:
            return model
    return max(able, key=lambda model: model.accuracy.accuracy if model.accuracy else 0.0, default=None)


def add_time_line(
    results: Results, measurement: Measurement, data: Path, split_csv: Path | None, objects: int, winner: str | None
) -> Results:
    """Sorts some objects with one of the models, and puts the times into its row; a failure is a warning.

    Args:
        results: With accuracies and timings.
        measurement: Which found them; keeps the time line for the next run.
        data: Folder with a folder for each class.
        split_csv: Of the run whose test part was measured.
        objects: How many.
        winner: Of the budget.
    """
    model = choose_model(results, winner)
    if model is None or not objects or not data.is_dir():
        return results
    known = measurement.progress.models[measurement.model_keys[model.model]]
    if known.get("time_line", {}).get("objects") != objects:
        file = next(candidate.path for candidate in measurement.candidates if candidate.name == model.model)
        inform(f"Sorting {objects} objects with {model.model} ...")
        told = sort_objects(file, data, split_csv, objects)
        if "error" in told:
            warn(f"The way of one object could not be timed: {told['error']}")
            return results
        known["time_line"] = told
        measurement.progress.write()
    shown = replace(model, time_line=known["time_line"])
    return replace(results, models=tuple(shown if row is model else row for row in results.models))


def sort_objects(model: Path, data: Path, split_csv: Path | None, objects: int) -> dict[str, Any]:
    """Runs the sorter.

    Returns:
        ``objects``, ``votes`` and ``stages`` with ``p50``, ``p90``, ``p99`` in milliseconds; or ``error``.
    """
    camera = f"sim:{data}" + (f"?split={split_csv}&subset=test" if split_csv else "")
    with tempfile.TemporaryDirectory(prefix="sorter-bench-") as folder:
        arguments = ["--camera", camera, "--port", "sim:", "--model", str(model), "--objects", str(objects), "--json"]
        arguments += ["--journal", str(Path(folder) / "journal.db")]
        try:
            ended = subprocess.run(
                [*_RUN, *arguments], capture_output=True, text=True, timeout=_START_S + _PER_OBJECT_S * objects
            )
        except subprocess.TimeoutExpired:
            return {"error": "the sorter did not come to an end."}
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"the sorter ended with {ended.returncode}."]
        return {"error": next((line for line in lines if line.startswith("Error: ")), lines[-1])}
    stages = json.loads(ended.stdout)["latency_ms"]
    return {"objects": objects, "votes": stages[_CLASSIFYING]["n"] / objects, "stages": stages}


def divide(stages: Mapping[str, Mapping[str, float]]) -> list[tuple[str, float, float]]:
    """The way of the deciding frame as (what, begin, end) in milliseconds, from medians.

    Medians of parts do not add up to the median of the whole; what is left over is called "other".
    """
    to_command = stages["frame to command"]["p50"]
    parts = [(name, stages[name]["p50"]) for name in ("capture age", "classify", "decide")]
    parts.append(("other", max(0.0, to_command - sum(ms for _, ms in parts))))
    parts += [(name, stages[name]["p50"]) for name in ("acknowledge", "move") if name in stages]
    found, begin = [], 0.0
    for name, ms in parts:
        found.append((name, begin, begin + ms))
        begin += ms
    return found
