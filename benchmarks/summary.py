"""From what was measured to the figures of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sorter.benchmarks.candidates import Candidate
from sorter.benchmarks.judgement import MIN_QUERIES, MIN_SECONDS, judge_timing
from sorter.benchmarks.measurement import Measurement
from sorter.benchmarks.results import ModelResult, Results, read_accuracy
from sorter.benchmarks.seen import SEEN, was_trained_on
from sorter.benchmarks.timing import BLOCK
from sorter.files import zipped_size


def summarise(measurement: Measurement, machine: Mapping[str, Any]) -> Results:
    """All figures of a finished measurement.

    Args:
        measurement: After its ``run``, or complete without.
        machine: See ``machine.describe_machine``.
    """
    photos, options = measurement.photos, measurement.options
    data = {
        "name": photos.name,
        "fingerprint": photos.fingerprint,
        "photos": photos.count,
        "labels": list(photos.dataset.labels),
    }
    method = {
        **asdict(options),
        "labels": str(options.labels) if options.labels else None,
        "block": BLOCK,
        "valid_queries": MIN_QUERIES,
        "valid_seconds": MIN_SECONDS,
        "energy": next((e["energy_source"] for e in measurement.progress.endurance.values() if "energy_mj" in e), None),
    }
    models = tuple(_summarise_model(measurement, candidate) for candidate in measurement.candidates)
    conditions = _join_sittings(measurement.progress.sittings)
    conditions["warnings"] += _say_who_saw_the_photos(measurement, models)
    return Results(machine, data, method, conditions, models)


def _say_who_saw_the_photos(measurement: Measurement, models: Sequence[ModelResult]) -> list[str]:
    found = []
    for candidate, model in zip(measurement.candidates, models, strict=True):
        if model.accuracy:
            loaded = measurement.progress.loaded[measurement.key(candidate, measurement.options.threads[0])]
            if was_trained_on(candidate.path, loaded.get("trained_on", ""), measurement.photos):
                found.append(candidate.name)
    return [f"{', '.join(found)}: {SEEN}"] if found else []


def _summarise_model(measurement: Measurement, candidate: Candidate) -> ModelResult:
    facts = {"model": candidate.name, "kind": candidate.kind, "sha256": candidate.sha256(), **_sizes(candidate)}
    if problem := measurement.problems.get(candidate.name):
        return ModelResult(**facts, problem=problem)
    stored, known = measurement.progress, measurement.progress.models[measurement.model_keys[candidate.name]]
    keys = {threads: measurement.key(candidate, threads) for threads in measurement.options.threads}
    loaded = stored.loaded[next(iter(keys.values()))]
    accuracy = known.get("accuracy") if measurement.options.accuracy else None
    timings = tuple(
        judge_timing(threads, stored.rounds[key], stored.loaded[key], stored.endurance.get(key, {}))
        for threads, key in keys.items()
    )
    return ModelResult(
        **facts,
        **known["described"],
        format=loaded["format"],
        input=loaded["input"],
        accuracy=read_accuracy(accuracy) if accuracy else None,
        timings=timings,
    )


def _sizes(candidate: Candidate) -> dict[str, Any]:
    try:
        content = candidate.path.read_bytes()
    except OSError:
        return {}
    return {"bytes": len(content), "zipped_bytes": zipped_size(content)}


def _join_sittings(sittings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The conditions of all sittings: the first one's state before, the last one's after, all warnings."""
    taken = [sitting for sitting in sittings if sitting]
    if not taken:
        return {"before": {}, "during": {}, "after": {}, "sittings": 0, "warnings": []}
    warnings = dict.fromkeys(warning for sitting in taken for warning in sitting["warnings"])
    longest = max(taken, key=lambda sitting: sitting["during"]["seconds"])
    return {
        "before": taken[0]["before"],
        "during": longest["during"],
        "after": taken[-1]["after"],
        "sittings": len(taken),
        "warnings": list(warnings),
    }
