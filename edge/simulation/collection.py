"""A folder of rendered pictures, laid out as a data set: one folder a class."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from sorter._version import __version__
from sorter.edge.simulation.fruit import FRUITS, render_object
from sorter.errors import ConfigError, StorageError
from sorter.files import make_folder, translated_storage_errors, write_json
from sorter.image import Pixels

MARKER_NAME = ".sorter-sim.json"
"""Tells that a folder was made by ``sorter-sim render`` and how; hidden, so that data sets do not see it."""

_JPEG_QUALITY = 92
_MIN_SIDE_PX, _MAX_SIDE_PX = 32, 2048


@dataclass(frozen=True)
class RenderOptions:
    """What to render.

    Attributes:
        per_class: Pictures of each fruit.
        seed: Equal seeds give equal pictures; a larger ``per_class`` only adds some.
        width: Of a picture, in pixels.
        height: Of a picture, in pixels.
        file_format: ``jpg`` (quality 92) or ``png``.
    """

    per_class: int
    seed: int = 1
    width: int = 320
    height: int = 240
    file_format: Literal["jpg", "png"] = "jpg"

    def __post_init__(self) -> None:
        if self.per_class < 1 or self.seed < 0:
            raise ConfigError("Pictures per class must be 1 or more, and the seed 0 or more.")
        if not all(_MIN_SIDE_PX <= side <= _MAX_SIDE_PX for side in (self.width, self.height)):
            raise ConfigError(
                f"A picture of {self.width}x{self.height} pixels is impossible.",
                f"Choose sides between {_MIN_SIDE_PX} and {_MAX_SIDE_PX} pixels.",
            )


def write_collection(out: Path, options: RenderOptions) -> Iterator[Path]:
    """Renders pictures into ``out/<label>/<label>_00001.jpg``, giving each path when it is written.

    A folder made by an earlier call is made anew; any other folder must be empty, so that rendered pictures never mix
    with photographs.

    Args:
        out: The folder.
        options: What to render.

    Raises:
        ConfigError: The folder holds something else.
        StorageError: It cannot be written.
    """
    _claim(out, options)
    for number in range(1, options.per_class + 1):
        for index, label in enumerate(FRUITS):
            rng = np.random.default_rng([options.seed, index, number])
            picture = render_object(label, rng, (options.width, options.height))
            path = out / label / f"{label}_{number:05d}.{options.file_format}"
            _write_picture(path, picture)
            yield path


def _claim(out: Path, options: RenderOptions) -> None:
    make_folder(out)
    with translated_storage_errors(out):
        own = (out / MARKER_NAME).is_file()
        if not own and any(out.iterdir()):
            raise ConfigError(
                f"Folder {out} is not empty and was not made by sorter-sim render.",
                "Name a new folder, so that rendered pictures do not mix with others.",
            )
        for label in FRUITS:
            for old in (out / label).glob(f"{label}_[0-9][0-9][0-9][0-9][0-9].*"):
                old.unlink()
    write_json(out / MARKER_NAME, {"made_by": "sorter-sim render", "version": __version__, **asdict(options)})
    for label in FRUITS:
        make_folder(out / label)


def _write_picture(path: Path, picture: Pixels) -> None:
    encoded_well, content = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not encoded_well:
        raise StorageError(f"OpenCV cannot write {path.suffix} pictures.")
    # Not complete_file(): flushing thousands of pictures to the disk one by one costs more than drawing them, and a
    # half-written set is simply rendered again.
    with translated_storage_errors(path):
        path.write_bytes(content.tobytes())
