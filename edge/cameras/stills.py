"""A folder of pictures as a camera: each picture is one object."""

import time
from collections.abc import Iterator
from pathlib import Path

from sorter.cli import warn
from sorter.dataset import PICTURE_SUFFIXES
from sorter.edge.cameras.camera import Camera, Frame
from sorter.errors import CameraError, DatasetError
from sorter.image import read_image


class PictureFolder(Camera):
    """Gives the pictures below a folder in the order of their names, each when it is asked for.

    Args:
        path: The folder, or one picture.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self.name = f"folder {path}"
        self._path = path
        self._frames: Iterator[Frame] | None = None

    def open(self) -> None:
        """Lists the pictures.

        Raises:
            CameraError: There are none.
        """
        files = [self._path] if self._path.is_file() else sorted(self._path.rglob("*"))
        pictures = [f for f in files if f.suffix.lower() in PICTURE_SUFFIXES and not f.name.startswith(".")]
        if not pictures:
            raise CameraError(
                f"Folder {self._path} has no pictures.", f"Pictures end in {', '.join(sorted(PICTURE_SUFFIXES))}."
            )
        self._frames = self._read_all(pictures)

    def _read_all(self, pictures: list[Path]) -> Iterator[Frame]:
        number = 0
        for path in pictures:
            try:
                image = read_image(path)
            except DatasetError as error:
                warn(f"{error.message} Passed over.")
                continue
            name = path.name if path == self._path else path.relative_to(self._path).as_posix()
            yield Frame(image, time.monotonic(), number, name)
            number += 1

    def read(self) -> Frame | None:
        """The next readable picture; None after the last."""
        if self._frames is None:
            raise CameraError(f"Folder {self._path} is not open.")
        return next(self._frames, None)

    def close(self) -> None:
        """Forgets the pictures."""
        self._frames = None
