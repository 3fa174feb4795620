"""Takes times: candidates in turns, in an order drawn anew for each round, each in its own process."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sorter.benchmarks.conditions import Watch
from sorter.benchmarks.energy import EnergyMeter, find_meter
from sorter.benchmarks.progress_file import ProgressFile
from sorter.benchmarks.workers import Worker
from sorter.cli import progress
from sorter.errors import SorterError, StorageError

BLOCK = 16
"""Timed calls in a row of one candidate."""

QUICK_QUERIES = 256
"""Of a first look."""

_STORE_EVERY_S = 15.0
_ENERGY_S = 5.0
_METER_EVERY_S = 0.25

Failed = Callable[[Worker, SorterError], None]
"""Is told of a worker that cannot go on."""


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        threads: Numbers of threads.
        queries: Timed classifications of each candidate.
        seconds: A candidate whose classifications took so long together is done, too.
        sustain_s: Seconds of classifying without a pause; 0 leaves it out.
        accuracy: Whether to measure accuracy.
        labels: A ``labels.txt`` for models without labels inside.
        input_range: For foreign float models.
        seed: Of the order in which the candidates take turns.
    """

    threads: tuple[int, ...] = (1,)
    queries: int = 1024
    seconds: float = 60.0
    sustain_s: float = 0.0
    accuracy: bool = True
    labels: Path | None = None
    input_range: str | None = None
    seed: int = 1


def is_timed(blocks: Sequence[dict[str, Any]], options: Options) -> bool:
    """Whether a candidate with these blocks has been timed enough."""
    calls = sum(len(block["times_ms"]) for block in blocks)
    return calls >= options.queries or sum(block["wall_s"] for block in blocks) >= options.seconds


def measure_rounds(crew: Sequence[Worker], stored: ProgressFile, options: Options, failed: Failed) -> None:
    """Times every worker's classifications until it has enough of them.

    Args:
        crew: Workers with loaded networks.
        stored: Gets the blocks; rounds that it has already are not repeated.
        options: How many.
        failed: Is told of workers that die; the others go on.
    """
    rng = np.random.default_rng([options.seed, sum(map(len, stored.rounds.values()))])
    waiting = [w for w in crew if not is_timed(stored.rounds.setdefault(w.key, []), options)]
    if not waiting:
        return
    done = sum(len(stored.rounds[worker.key]) for worker in waiting)
    total = len(waiting) * -(-options.queries // BLOCK) - done
    sitting = _Sitting(crew, stored)
    with progress("Measuring time", total) as advance, sitting:
        while waiting:
            order = [waiting[i] for i in rng.permutation(len(waiting))]
            alive = {worker.key for worker in order if _time_block(worker, stored, failed)}
            advance(len(order))
            waiting = [w for w in waiting if w.key in alive and not is_timed(stored.rounds[w.key], options)]
            sitting.store_if_due()


class _Sitting:
    """One sitting's conditions, and when to store what it found; a context manager that stores at its end."""

    def __init__(self, crew: Sequence[Worker], stored: ProgressFile) -> None:
        self._crew, self._stored = crew, stored
        self._watch = Watch(_cpu_s(crew), time.monotonic())
        self._number = len(stored.sittings)
        self._stored_s = time.monotonic()
        stored.sittings.append({})

    def __enter__(self) -> "_Sitting":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, StorageError):
            self._store()

    def store_if_due(self) -> None:
        if time.monotonic() - self._stored_s > _STORE_EVERY_S:
            self._watch.sample()
            self._store()

    def _store(self) -> None:
        waited = _waited_share(self._stored.rounds)
        self._stored.sittings[self._number] = self._watch.finish(_cpu_s(self._crew), time.monotonic(), waited)
        self._stored.write()
        self._stored_s = time.monotonic()


def _time_block(worker: Worker, stored: ProgressFile, failed: Failed) -> bool:
    try:
        stored.rounds[worker.key].append(worker.ask("time_block", count=BLOCK))
    except SorterError as error:
        failed(worker, error)
        return False
    return True


def _cpu_s(crew: Sequence[Worker]) -> float:
    total_s = time.process_time()
    for worker in crew:
        # One that has died is told of where it was to be timed.
        with suppress(SorterError):
            total_s += worker.ask("cpu")["cpu_s"]
    return total_s


def _waited_share(rounds: dict[str, list[dict[str, Any]]]) -> float | None:
    told = [block for blocks in rounds.values() for block in blocks if block["waited_s"] is not None]
    wall_s = sum(block["wall_s"] for block in told)
    return sum(block["waited_s"] for block in told) / wall_s if wall_s else None


def measure_endurance(crew: Sequence[Worker], stored: ProgressFile, options: Options, failed: Failed) -> None:
    """Lets each worker classify without a pause, one worker after the other, and reads the energy meter meanwhile.

    A machine with a meter is measured for some seconds even where no endurance was asked for.
    """
    meter = find_meter()
    seconds = options.sustain_s or (_ENERGY_S if meter else 0.0)
    waiting = [worker for worker in crew if seconds and worker.key not in stored.endurance]
    if not waiting:
        return
    with progress("Classifying without a pause", len(waiting)) as advance:
        for worker in waiting:
            try:
                stored.endurance[worker.key] = _endure(worker, seconds, meter)
            except SorterError as error:
                failed(worker, error)
            stored.write()
            advance(1)


def _endure(worker: Worker, seconds: float, meter: EnergyMeter | None) -> dict[str, Any]:
    with ThreadPoolExecutor(1) as pool:
        start_j = meter.read_j() if meter else 0.0
        answer = pool.submit(worker.ask, "sustain", seconds=seconds)
        while meter and not answer.done():
            time.sleep(_METER_EVERY_S)
            meter.read_j()
        told = answer.result()
        if meter:
            calls = sum(told["fps"]) / 5 * seconds
            told |= {"energy_mj": 1e3 * (meter.read_j() - start_j) / max(calls, 1), "energy_source": meter.source}
    return {**told, "seconds": seconds}
