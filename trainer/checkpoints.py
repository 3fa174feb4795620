"""How far an unfinished training has come, on the disk: enough to go on as if it had never been stopped.

The folder holds two files. ``identity.json`` says what the training depends on and is written once. ``epoch.npz`` has
the weights, the optimizer, the average, the best network and the history, and is replaced as a whole after each epoch,
so a kill, a power cut or a full disk leaves the one before it. Nothing else is needed: batches, learning rates and
plateaus are functions of seed, epoch and history.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sorter.errors import ConfigError, DatasetError, TrainingError
from sorter.files import complete_file, make_folder, translated_storage_errors, write_json
from sorter.trainer.training_record import Epoch, Progress, Weights

_IDENTITY_NAME = "identity.json"
_EPOCH_NAME = "epoch.npz"

_NAMED = 5
"""How many changed photos are named."""

_ABSENT = "nothing"


@dataclass(frozen=True)
class Identity:
    """Everything on which the outcome of a training depends.

    Attributes:
        options: Recipe, seed and so on, nested as they come.
        photos: For each file name the part, the class and a digest of the pixels.
    """

    options: Mapping[str, Any]
    photos: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingState:
    """A training after one of its epochs.

    Attributes:
        progress: History and best network.
        phase: Index of the phase that the epoch belongs to; -1 before the first.
        variables: Of the network, with the states of its random generators.
        optimizer: What the optimizer remembers.
        average: The averaged weights; empty where none are kept.
        average_steps: Steps that went into them.
    """

    progress: Progress
    phase: int
    variables: Weights
    optimizer: Weights = field(default_factory=list)
    average: Weights = field(default_factory=list)
    average_steps: int = 0


class Checkpoint:
    """Keeps the state of one training in a folder.

    Args:
        folder: Need not exist.
        identity: Of the training.
    """

    def __init__(self, folder: Path, identity: Identity) -> None:
        self._folder = folder
        self._identity = identity

    def save(self, state: TrainingState) -> None:
        """Stores a state in the place of the one before.

        Raises:
            StorageError: It cannot be written; the one before is as it was.
        """
        if not (self._folder / _IDENTITY_NAME).exists():
            make_folder(self._folder)
            write_json(self._folder / _IDENTITY_NAME, asdict(self._identity))
        with complete_file(self._folder / _EPOCH_NAME) as temporary, temporary.open("wb") as file:
            np.savez(file, **dict(_pack(state)))

    def load(self) -> TrainingState | None:
        """The stored state; None where there is none.

        Raises:
            ConfigError: It belongs to a training with other options.
            DatasetError: It belongs to a training on other photos.
            TrainingError: It is damaged.
        """
        if not is_stored(self._folder):
            return None
        try:
            identity = Identity(**json.loads((self._folder / _IDENTITY_NAME).read_bytes()))
            with np.load(io.BytesIO((self._folder / _EPOCH_NAME).read_bytes()), allow_pickle=False) as arrays:
                state = _unpack(arrays)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"What {self._folder} holds of the unfinished training cannot be read ({error}).",
                "Give --overwrite instead of --resume to begin anew.",
            ) from error
        require_same(identity, self._identity)
        return state

    def remove(self) -> None:
        """Removes what is stored, if anything."""
        remove_stored(self._folder)


def is_stored(folder: Path) -> bool:
    """Whether a folder holds the state of an unfinished training."""
    return (folder / _EPOCH_NAME).is_file() and (folder / _IDENTITY_NAME).is_file()


def remove_stored(folder: Path) -> None:
    """Removes a folder with the state of a training, if it is there.

    Raises:
        StorageError: It cannot be removed.
    """
    with translated_storage_errors(folder):
        if folder.exists():
            shutil.rmtree(folder)


def require_same(stored: Identity, present: Identity) -> None:
    """Checks that a training is the one that was stored.

    Raises:
        ConfigError: Options differ; the message names them.
        DatasetError: Photos differ; the message names some.
    """
    present = Identity(**json.loads(json.dumps(asdict(present))))
    was, now = dict(_flatten(stored.options)), dict(_flatten(present.options))
    changed = [k for k in {**was, **now} if was.get(k, _ABSENT) != now.get(k, _ABSENT)]
    if changed:
        differences = ", ".join(f"{k} was {was.get(k, _ABSENT)} and is {now.get(k, _ABSENT)}" for k in changed[:_NAMED])
        raise ConfigError(
            f"The unfinished training cannot go on with other options: {differences}.",
            "Give the options it was started with, or --overwrite instead of --resume to begin anew.",
        )
    names = sorted({*stored.photos, *present.photos})
    odd = [n for n in names if stored.photos.get(n) != present.photos.get(n)]
    if odd:
        named = ", ".join(
            f"{n} ({_describe_change(stored.photos.get(n), present.photos.get(n))})" for n in odd[:_NAMED]
        )
        more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
        raise DatasetError(
            f"The unfinished training cannot go on: {len(odd)} photos have changed: {named}{more}.",
            "Bring back the photos it was started with, or give --overwrite instead of --resume to begin anew.",
        )


def _describe_change(stored: str | None, present: str | None) -> str:
    if stored is None:
        return "new"
    return "gone" if present is None else "other content, class or part"


def _flatten(options: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


_LISTS = ("variables", "optimizer", "average")


def _pack(state: TrainingState) -> Iterator[tuple[str, Any]]:
    record = {
        "phase": state.phase,
        "average_steps": state.average_steps,
        # JSON writes floats so that they come back bit by bit.
        "history": [asdict(epoch) for epoch in state.progress.history],
    }
    yield "record", np.frombuffer(json.dumps(record).encode(), np.uint8)
    for name, arrays in [(n, getattr(state, n)) for n in _LISTS] + [("best", state.progress.weights)]:
        for i, array in enumerate(arrays):
            yield f"{name}/{i}", array


def _unpack(arrays: Mapping[str, Any]) -> TrainingState:
    record = json.loads(bytes(arrays["record"]))
    history = [Epoch(**row) for row in record["history"]]
    best = next((epoch for epoch in reversed(history) if epoch.best), None)
    progress = Progress(history, best, _unpack_list(arrays, "best"))
    lists = {name: _unpack_list(arrays, name) for name in _LISTS}
    return TrainingState(progress, record["phase"], average_steps=record["average_steps"], **lists)


def _unpack_list(arrays: Mapping[str, Any], name: str) -> Weights:
    count = sum(key.startswith(f"{name}/") for key in arrays)
    return [arrays[f"{name}/{i}"] for i in range(count)]
