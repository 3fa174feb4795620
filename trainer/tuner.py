"""The search itself: Keras Tuner's oracles choose, ``Candidates`` judges. Needs Keras Tuner.

Several processes or machines share a search by Keras Tuner's own chief and workers: see ``role``. What a search has
learnt is kept by Keras Tuner in ``OUT/search`` and taken up again by the next call.
"""

import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Literal

import keras_tuner
from keras_tuner.engine import base_tuner
from keras_tuner.src import config
from keras_tuner.src.engine import stateful

from sorter.cli import inform
from sorter.errors import ConfigError, SorterError, TrainingError
from sorter.files import make_folder, translated_storage_errors, write_text
from sorter.trainer.candidates import Candidates, Judgement, open_candidates
from sorter.trainer.tuning import DEPTHS, OPTIMIZERS, WIDTHS, Search, describe, make_recipe
from sorter.trainer.tuning_results import Outcome, Trial, check_identity, write_outcome

Role = Literal["alone", "chief", "worker"]

_PROJECT = "search"

_FAILURES_IN_A_ROW = 20
"""Failed candidates after which something else than the candidates must be wrong."""

_LEAST_RANDOM_POINTS, _RANDOM_SHARE = 2, 0.3
"""Candidates that a Bayesian search draws before it has anything to reason from."""

_TUNER_ID, _ORACLE_IP, _ORACLE_PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"


def role() -> Role:
    """What this process is in a search, from the environment variables that Keras Tuner reads.

    ``KERASTUNER_ORACLE_IP`` and ``KERASTUNER_ORACLE_PORT`` say where the chief listens, ``KERASTUNER_TUNER_ID`` is
    ``chief`` for it and another name for each worker (https://keras.io/keras_tuner/guides/distributed_tuning/).

    Raises:
        ConfigError: Some of them are set and others are missing.
    """
    given = {name: os.environ.get(name, "") for name in (_ORACLE_IP, _ORACLE_PORT, _TUNER_ID)}
    if not given[_ORACLE_IP]:
        return "alone"
    for name, value in given.items():
        if not value:
            raise ConfigError(
                f"{_ORACLE_IP} is set, but {name} is not.",
                f"For a search in several processes set {', '.join(given)}; for one process, none of them.",
            )
    return "chief" if "chief" in given[_TUNER_ID] else "worker"


def run_search(search: Search) -> Outcome | None:
    """Searches, or goes on with a search, and writes what came of it.

    Returns:
        The outcome; None in a worker, whose chief writes it.

    Raises:
        ConfigError: The folder holds a search with other options, or the environment is half set for several processes.
        DatasetError: The photos do not suffice.
        StorageError: The folder cannot be written.
        TrainingError: No candidate could be trained.
        KeyboardInterrupt: Interrupted; the next call goes on.
    """
    mine = role()
    if search.overwrite and mine != "worker":
        with translated_storage_errors(search.out):
            shutil.rmtree(search.out / _PROJECT, ignore_errors=True)
    make_folder(search.out)
    check_identity(search, write=mine != "worker", forget=search.overwrite)
    if mine == "chief":
        # It trains nothing itself, and so needs no photos.
        inform(f"Waiting for workers at {os.environ[_ORACLE_IP]}:{os.environ[_ORACLE_PORT]}.")
        return _search(search, None)
    with open_candidates(search, search.out / f".pictures-{os.environ.get(_TUNER_ID, 'alone')}.cache") as candidates:
        return _search(search, candidates)


def _search(search: Search, candidates: Candidates | None) -> Outcome | None:
    mine = role()
    # Keras Tuner talks on standard output, which belongs to the results.
    with redirect_stdout(sys.stderr), _translated_errors(), warnings.catch_warnings():
        # Of a trial that was killed when its figures were noted but not yet its end; it is done again, to no harm.
        warnings.filterwarnings("ignore", "The use case of calling", DeprecationWarning)
        # The Gaussian process of a Bayesian search has few points to be fitted to; nothing that the user could mend.
        warnings.filterwarnings("ignore", "The optimal value found")
        stateful.Stateful.save = _save_completely
        # A candidate that fails is one sentence, not a traceback.
        config.DEBUG = False
        tuner = _RecipeTuner(search, candidates)
        if known := len(tuner.trials()) if mine != "worker" else 0:
            inform(f"Going on with a search that has begun {known} networks.")
        if mine == "alone":
            # From now on Keras Tuner finds the search again, however soon it is killed.
            tuner.save()
        tuner.search(verbose=0)
    if mine == "worker":
        return None
    return write_outcome(search, tuner.trials())


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"What Keras Tuner has kept of the search is damaged ({error}).", "Give --overwrite to search anew."
        ) from error
    except RuntimeError as error:
        # What Keras Tuner raises after too many failures holds the last traceback.
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(
            f"{_FAILURES_IN_A_ROW} networks in a row could not be trained ({reason[:160]}).",
            "Choose a larger --image-size or a smaller --batch-size, or look at trials.csv.",
        ) from error


def _space() -> Any:
    values = keras_tuner.HyperParameters()
    for depth, width in (("convolutions", "filters"), ("dense", "units")):
        values.Int(depth, *DEPTHS)
        for i in range(1, DEPTHS[1] + 1):
            # A width that no layer uses is no part of the candidate: equal networks are tried once.
            with values.conditional_scope(depth, list(range(i, DEPTHS[1] + 1))):
                values.Int(f"{width}_{i}", *WIDTHS)
    values.Boolean("dropout")
    values.Choice("optimizer", list(OPTIMIZERS))
    return values


def _oracle(search: Search) -> Any:
    common = {
        "objective": keras_tuner.Objective("score", "max"),
        "hyperparameters": _space(),
        "allow_new_entries": False,
        "tune_new_entries": False,
        "seed": search.seed,
        "max_consecutive_failed_trials": _FAILURES_IN_A_ROW,
    }
    if search.algorithm == "hyperband":
        return keras_tuner.oracles.HyperbandOracle(max_epochs=search.epochs, **common)
    if search.algorithm == "random":
        return keras_tuner.oracles.RandomSearchOracle(max_trials=search.trials, **common)
    # Keras Tuner would begin with three random candidates for each of the 12 hyper-parameters.
    points = max(_LEAST_RANDOM_POINTS, round(search.trials * _RANDOM_SHARE))
    return keras_tuner.oracles.BayesianOptimizationOracle(max_trials=search.trials, num_initial_points=points, **common)


def _save_completely(self: Any, fname: str) -> None:
    """Replaces ``Stateful.save``, which a kill in the middle would leave with half a file that nothing can read."""
    write_text(Path(fname), json.dumps(self.get_state()))


class _RecipeTuner(base_tuner.BaseTuner):  # type: ignore[misc]
    """Runs the trials that an oracle asks for.

    Keras Tuner's own ``Tuner`` would fit a compiled model; here the toolkit's training does, with the photos and the
    augmentation of ``sorter-train``.
    """

    def __init__(self, search: Search, candidates: Candidates | None) -> None:
        self._wanted = search
        self._candidates = candidates
        super().__init__(_oracle(search), directory=str(search.out.resolve()), project_name=_PROJECT)

    def run_trial(self, trial: Any, **_options: Any) -> dict[str, float]:
        """Judges one candidate; a failure ends the trial, not the search."""
        assert self._candidates is not None, "the chief trains nothing"
        values = trial.hyperparameters.values
        try:
            judgement = self._judge(trial.trial_id, values)
        except SorterError as error:
            inform(f"Trial {trial.trial_id} failed: {error.message}")
            raise keras_tuner.errors.FailedTrialError(error.message) from error
        inform(f"Trial {trial.trial_id}: {self._describe(values)}: {_tell(judgement)}")
        return judgement.metrics()

    def _judge(self, trial_id: str, values: dict[str, Any]) -> Judgement:
        assert self._candidates is not None
        # Hyperband goes on with its best candidates where they were: these keys say from which trial and epoch.
        done, earlier = int(values.get("tuner/initial_epoch", 0)), str(values.get("tuner/trial_id", ""))
        start = self._weights(earlier) if earlier else None
        if start is not None and not start.is_file():
            # Trained on another machine.
            start, done = None, 0
        epochs = int(values.get("tuner/epochs", self._wanted.epochs)) - done
        recipe = make_recipe(values, self._wanted, epochs)
        result = self._weights(trial_id) if self._wanted.algorithm == "hyperband" else None
        return self._candidates.judge(recipe, start, result)

    def _describe(self, values: dict[str, Any]) -> str:
        return describe(make_recipe(values, self._wanted))

    def _weights(self, trial_id: str) -> Path:
        return Path(make_folder(Path(self.get_trial_dir(trial_id)))) / "network.weights.h5"

    def trials(self) -> list[Trial]:
        """All trials so far; not in a worker, which does not know them."""
        return [
            Trial(
                trial.trial_id,
                str(trial.status),
                dict(trial.hyperparameters.values),
                {name: float(trial.metrics.get_best_value(name)) for name in trial.metrics.metrics},
                # Keras Tuner keeps the traceback, which ends in the sentence.
                (str(trial.message or "").strip().splitlines() or [""])[-1].rpartition("FailedTrialError: ")[2],
            )
            for trial in sorted(self.oracle.trials.values(), key=lambda trial: str(trial.trial_id))
        ]


def _tell(judgement: Judgement) -> str:
    cost = judgement.cost
    measured = [
        f"{judgement.parameters:,} parameters",
        *([f"{cost.kilobytes:,.0f} kB"] if cost.kilobytes is not None else []),
        *([f"{cost.milliseconds:.2f} ms"] if cost.milliseconds is not None else []),
    ]
    result = "beyond the limits" if judgement.accuracy is None else f"{judgement.accuracy:.1%}"
    return f"{result} ({', '.join(measured)})"
