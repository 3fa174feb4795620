"""The run folder: what it holds, and how it comes to be complete or not there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sorter.errors import BundleError, StorageError
from sorter.files import make_folder, translated_storage_errors
from sorter.manifest import MANIFEST_NAME, Manifest
from sorter.trainer.checkpoints import is_stored
from sorter.trainer.skipping import SKIPPED_NAME

MODEL_NAME = "model.keras"
SPLIT_NAME = "split.csv"
HISTORY_NAME = "history.csv"

RANGES_NAME = "ranges.json"
"""Of a run that was trained for int8: the learned range of each layer, which ``sorter-convert`` quantises with."""

TENSORBOARD_NAME = "tensorboard"

CHECKPOINT_NAME = ".checkpoint"
"""Folder inside the run folder with the state of a training that has not finished (see ``checkpoints``)."""

_UNFINISHED_NAME = ".unfinished"
"""Folder inside the run folder in which everything is made, to be moved out by renaming when all is there."""


@dataclass(frozen=True)
class Run:
    """A finished run folder."""

    folder: Path
    model: Path
    manifest: Manifest

    @property
    def split_csv(self) -> Path:
        """Which photo belongs to which part."""
        return self.folder / SPLIT_NAME


def open_run(path: Path) -> Run:
    """Opens a run folder, given itself or by the ``.keras`` file in it.

    Raises:
        BundleError: It is not a finished run.
    """
    folder, model = (path.parent, path) if path.suffix == ".keras" else (path, path / MODEL_NAME)
    for needed in (model, folder / MANIFEST_NAME):
        if not needed.is_file():
            raise BundleError(
                f"{path} is not a finished training run: {needed} does not exist.",
                "Give the folder that sorter-train wrote, or a .tflite file.",
            )
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
    except OSError as error:
        raise BundleError(
            f"Cannot read {folder / MANIFEST_NAME}: {error.strerror}.", "Check its permissions."
        ) from error
    return Run(folder, model, Manifest.from_json(content, str(folder / MANIFEST_NAME)))


def check_output(folder: Path, overwrite: bool, resume: bool = False) -> None:
    """Checks that a run folder is new or empty, or an earlier run that may be replaced or gone on with.

    Raises:
        StorageError: It holds something else, or an earlier run while neither ``overwrite`` nor ``resume`` allows for
            it. A finished run cannot be gone on with.
    """
    with translated_storage_errors(folder):
        present = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    unfinished = is_stored(folder / CHECKPOINT_NAME)
    if present - {_UNFINISHED_NAME, CHECKPOINT_NAME} and not {MANIFEST_NAME, MODEL_NAME} <= present:
        raise StorageError(f"{folder} is not empty and not an earlier run.", "Choose another folder for --out.")
    if overwrite or (resume and unfinished):
        return
    if unfinished:
        raise StorageError(
            f"{folder} holds an unfinished training.", "Give --resume to go on with it, or --overwrite to begin anew."
        )
    if MODEL_NAME in present:
        raise StorageError(
            f"{folder} holds an earlier run.", "Choose another folder for --out, or give --overwrite to replace it."
        )


@contextmanager
def unfinished_run(folder: Path) -> Iterator[Path]:
    """Gives a hidden folder to make a run in, which is published into ``folder`` when the block ends well.

    ``sorter.json`` arrives last, so a folder that has it is complete. When the block raises, an earlier run in
    ``folder`` is as it was, and a folder that was not there before is gone again unless a training left its state.

    Raises:
        StorageError: The folder cannot be written.
    """
    was_there = folder.exists()
    workplace = folder / _UNFINISHED_NAME
    with translated_storage_errors(folder):
        make_folder(folder)
        shutil.rmtree(workplace, ignore_errors=True)
        make_folder(workplace)
    try:
        yield workplace
        with translated_storage_errors(folder):
            _publish(workplace, folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
        if not was_there and not any(folder.iterdir()):
            folder.rmdir()


def _publish(workplace: Path, folder: Path) -> None:
    # Files that the new run lacks must not survive from an earlier one: with its ranges, int8 would be ruined.
    for stale in (MANIFEST_NAME, SKIPPED_NAME, RANGES_NAME):
        (folder / stale).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD_NAME, ignore_errors=True)
    for file in sorted(workplace.iterdir(), key=lambda p: p.name == MANIFEST_NAME):
        file.replace(folder / file.name)
