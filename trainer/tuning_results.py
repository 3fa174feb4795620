"""What a search leaves: ``recipe.toml``, ``trials.csv``, ``search.json``."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sorter.errors import ConfigError, SorterError, TrainingError
from sorter.files import write_csv, write_json
from sorter.trainer.recipe_file import write_recipe
from sorter.trainer.recipes import Recipe
from sorter.trainer.tuning import Search, describe, make_recipe

RECIPE_FILE = "recipe.toml"
TRIALS_NAME = "trials.csv"
SEARCH_NAME = "search.json"

_FIGURES = ("score", "accuracy", "parameters", "kilobytes", "milliseconds")


@dataclass(frozen=True)
class Trial:
    """One candidate and what became of it.

    Attributes:
        name: Keras Tuner's number for it.
        status: ``COMPLETED``, ``FAILED``, or ``RUNNING`` where the search was killed.
        values: Of its hyper-parameters.
        figures: ``score``, ``parameters`` and so on, as far as they are known.
        message: Why it failed.
    """

    name: str
    status: str
    values: Mapping[str, Any]
    figures: Mapping[str, float]
    message: str = ""

    @property
    def accuracy(self) -> float | None:
        """On the validation part; None for one that was not trained."""
        return self.figures.get("accuracy") if self.status == "COMPLETED" else None


@dataclass(frozen=True)
class Outcome:
    """What came of a search.

    Attributes:
        recipe: The winner.
        best: Its trial.
        trials: All of them.
        out: Where the results are.
    """

    recipe: Recipe
    best: Trial
    trials: Sequence[Trial]
    out: Path

    def summary(self) -> dict[str, Any]:
        """The figures for ``--json``."""
        return {
            "recipe": str(self.out / RECIPE_FILE),
            "network": describe(self.recipe),
            **self.best.figures,
            "trials": len(self.trials),
            "trained": sum(trial.accuracy is not None for trial in self.trials),
            "failed": sum(trial.status == "FAILED" for trial in self.trials),
        }


def check_identity(search: Search, write: bool, forget: bool) -> None:
    """Checks that a folder holds no search with other options, and notes those of this one.

    Args:
        search: As asked for.
        write: Whether to note them; workers leave that to their chief.
        forget: Whether an earlier search is forgotten.

    Raises:
        ConfigError: It does.
        StorageError: The folder cannot be written.
    """
    file, present = search.out / SEARCH_NAME, search.identity()
    if file.is_file() and not forget:
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            changed = [key for key, value in present.items() if stored[key] != value]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{file} is damaged.", "Give --overwrite to search anew.") from error
        if changed:
            key = changed[0]
            raise ConfigError(
                f"{search.out} holds a search with {key} {stored[key]}, not {present[key]}.",
                "Give the same options to go on with it, another --out, or --overwrite to forget it.",
            )
    if write:
        write_json(file, present)


def write_outcome(search: Search, trials: Sequence[Trial]) -> Outcome:
    """Writes the list of trials and the winner's recipe.

    Raises:
        TrainingError: There is no winner.
        StorageError: They cannot be written.
    """
    write_csv(
        search.out / TRIALS_NAME,
        ("trial", "status", *_FIGURES, "network", "message"),
        [_row(search, trial) for trial in trials],
    )
    trained = [trial for trial in trials if trial.accuracy is not None]
    if not trained:
        raise TrainingError(
            f"None of the {len(trials)} networks could be trained within the limits.",
            f"{search.out / TRIALS_NAME} says why; allow more --max-kb or --max-ms, or more --trials.",
        )
    # Of networks that are equally right, the smallest.
    best = max(trained, key=lambda trial: (trial.figures["accuracy"], -trial.figures["parameters"]))
    recipe = make_recipe(best.values, search)
    write_recipe(recipe, search.out / RECIPE_FILE)
    return Outcome(recipe, best, trials, search.out)


def _row(search: Search, trial: Trial) -> tuple[object, ...]:
    figures = (f"{trial.figures[name]:.9g}" if name in trial.figures else "" for name in _FIGURES)
    try:
        network = describe(make_recipe(trial.values, search))
    except SorterError:
        # An impossible one; its message says so.
        network = ", ".join(f"{key} {value}" for key, value in trial.values.items() if not key.startswith("tuner/"))
    return (trial.name, trial.status, *figures, network, trial.message)
