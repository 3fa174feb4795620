"""Trains and judges the candidates of a search, one after the other, on the same photos."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from sorter.cli import inform
from sorter.trainer.batches import Examples
from sorter.trainer.cache import picture_cache
from sorter.trainer.hardware import Hardware, choose_hardware
from sorter.trainer.int8_cost import measure_cost
from sorter.trainer.jobs import Job, build_for, choose_photos, open_photos
from sorter.trainer.networks import measure_size
from sorter.trainer.pipeline import make_examples
from sorter.trainer.recipes import Recipe
from sorter.trainer.recipes.fruit import BASELINE
from sorter.trainer.training import Surroundings, train_network
from sorter.trainer.tuning import Cost, Search, infeasible_score, least_kilobytes


@dataclass(frozen=True)
class Judgement:
    """What became of a candidate.

    Attributes:
        score: What the search makes as large as it can: the accuracy, or below zero for one beyond the limits.
        parameters: Of the network.
        accuracy: On the validation part, at its best epoch; None for one that was not trained.
        cost: As int8.
    """

    score: float
    parameters: int
    accuracy: float | None
    cost: Cost

    def metrics(self) -> dict[str, float]:
        """What is known, as plain numbers."""
        known = {
            "score": self.score,
            "parameters": float(self.parameters),
            "accuracy": self.accuracy,
            "kilobytes": self.cost.kilobytes,
            "milliseconds": self.cost.milliseconds,
        }
        return {name: value for name, value in known.items() if value is not None}


class Candidates:
    """Judges candidates on one split of one data set.

    Args:
        search: As asked for.
        job: Its photos.
        parts: Train and validation part; the test part is left for the winner.
        hardware: What to train on.
    """

    def __init__(self, search: Search, job: Job, parts: tuple[Examples, Examples], hardware: Hardware) -> None:
        self._search = search
        self._job = job
        self._parts = parts
        self._hardware = hardware

    def judge(self, recipe: Recipe, start: Path | None = None, result: Path | None = None) -> Judgement:
        """Measures a candidate and, if it is within the limits, trains it.

        Args:
            recipe: The candidate.
            start: Weights from which it goes on; None for random ones.
            result: Where its weights are kept; None for nowhere.

        Raises:
            TrainingError: It cannot be built, converted or trained.
            KeyboardInterrupt: The search is to end.
        """
        classes, limits = self._parts[0].class_count, self._search.limits
        size = measure_size(recipe, classes)
        cost = Cost(least_kilobytes(size.parameters))
        # No need to convert what cannot be small enough.
        if limits.any and limits.excess(cost) <= 1.0:
            cost = measure_cost(recipe, classes)
        if limits.excess(cost) > 1.0:
            return Judgement(infeasible_score(limits.excess(cost)), size.parameters, None, cost)
        accuracy = self._train(recipe, start, result)
        return Judgement(accuracy, size.parameters, accuracy, cost if limits.any else Cost())

    def _train(self, recipe: Recipe, start: Path | None, result: Path | None) -> float:
        # Without this, the graphs of all candidates so far would stay in memory.
        keras.backend.clear_session()
        gc.collect()
        network = build_for(replace(self._job, recipe=recipe), self._hardware, self._parts[0].class_count)
        if start is not None:
            network.load_weights(start)
        around = Surroundings(self._hardware)
        progress = train_network(
            network, recipe, self._parts, self._search.seed, lambda _line, _steps: None, False, around
        )
        if progress.ending == "interrupted" or progress.best is None:
            raise KeyboardInterrupt
        if result is not None:
            network.save_weights(result)
        return progress.best.validation_accuracy


@contextmanager
def open_candidates(search: Search, cache_file: Path) -> Iterator[Candidates]:
    """Reads the photos of a search.

    Args:
        search: As asked for.
        cache_file: Where the pictures are kept for the length of the block; each process needs its own.

    Raises:
        DatasetError: The photos do not suffice.
        StorageError: There is no room for the pictures.
    """
    recipe = replace(BASELINE, image_size_px=search.image_size_px)
    job = Job(search.data, search.out, recipe, "none", search.shares, search.seed)
    dataset = open_photos(job)
    with picture_cache(dataset.photos, job.spec, cache_file) as cache:
        usable = choose_photos(job, cache, dataset)
        parts = (make_examples(cache, usable, "train"), make_examples(cache, usable, "validation"))
        inform("The test part is left alone: it is for the winner.")
        yield Candidates(search, job, parts, choose_hardware(job.hardware))
