"""Photos of objects, into class folders."""

import queue
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import cv2

from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.capture import Capture
from sorter.edge.picture_quality import Quality, QualityCheck
from sorter.edge.shutters import Shot, Shutter
from sorter.errors import StorageError
from sorter.files import write_bytes
from sorter.image import Pixels
from sorter.photo_names import class_folder, new_run_mark, photo_name

PhotoFormat = Literal["jpg", "png"]

_JPEG_QUALITY = 95
_GIVE_UP_S = 10.0


@dataclass(frozen=True)
class Photo:
    """One photo that was taken.

    Attributes:
        path: Where it lies.
        label: What it shows.
        shot: Which object, and which of its pictures.
        quality: What a glance tells of it.
    """

    path: Path
    label: str
    shot: Shot
    quality: Quality

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with it, for people."""
        several = (f"{self.shot.objects} objects at once",) if self.shot.objects > 1 else ()
        return several + self.quality.warnings


class Album:
    """Writes photos as ``ROOT/<label>/<time>_<run>_<object>_<picture>.jpg``; never over an existing file.

    Args:
        root: The data set's folder.
        label_of: What the photo shows that is just being taken.
        file_format: ``jpg`` or ``png``.
        clock: Seconds since 1970.

    Attributes:
        photos: Photos by label.
        objects: Objects of which there are photos.
        warnings: How many photos have which fault.
    """

    def __init__(
        self,
        root: Path,
        label_of: Callable[[], str],
        file_format: PhotoFormat = "jpg",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root, self._label_of, self._suffix, self._clock = root, label_of, f".{file_format}", clock
        self._check = QualityCheck()
        self._run_mark = new_run_mark()
        self.photos: Counter[str] = Counter()
        self.objects = 0
        self.warnings: Counter[str] = Counter()

    def add(self, shot: Shot) -> Photo:
        """Writes a photo.

        Raises:
            StorageError: It cannot be written; then nothing of it is there.
        """
        label = self._label_of()
        name = photo_name(self._clock(), self._run_mark, shot.number, shot.index, self._suffix)
        path = self._root / class_folder(label) / name
        if path.exists():
            raise StorageError(f"{path} exists already, and photos are never overwritten.", "Start again.")
        write_bytes(path, self._encode(shot.frame.image))
        photo = Photo(path, label, shot, self._check.look(shot.frame.image))
        self.photos[label] += 1
        self.objects = max(self.objects, shot.number)
        self.warnings.update(photo.warnings)
        return photo

    def _encode(self, image: Pixels) -> bytes:
        options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if self._suffix == ".jpg" else []
        ok, data = cv2.imencode(self._suffix, image, options)
        if not ok:
            raise StorageError(f"A picture of {image.shape[1]}x{image.shape[0]} pixels cannot be written.")
        return data.tobytes()

    def as_json(self) -> dict[str, Any]:
        """What was taken, for machines."""
        return {
            "folder": str(self._root),
            "photos": self.photos.total(),
            "objects": self.objects,
            "labels": dict(self.photos),
            "warnings": dict(self.warnings),
        }


def take_photos(
    camera: Camera,
    shutter: Shutter,
    album: Album,
    on_photo: Callable[[Photo], None],
    count: int | None = None,
    options: CameraOptions | None = None,
) -> None:
    """Takes photos until there are enough, or the source ends.

    Args:
        camera: An open camera.
        shutter: Chooses the frames.
        album: Where photos go.
        on_photo: Told of each photo.
        count: How many photos; None for no end.
        options: When a live camera counts as failed. Nobody waits here for days until it comes back: without
            ``give_up_s`` it is given up after 10 s.

    Raises:
        CameraError: The camera failed.
        StorageError: A photo cannot be written.
    """
    taken = 0
    with closing(fresh_frames(camera, options or CameraOptions())) as frames:
        for frame in frames:
            shot = shutter.look(frame)
            if shot is None:
                continue
            on_photo(album.add(shot))
            taken += 1
            if taken == count:
                return


def fresh_frames(camera: Camera, options: CameraOptions) -> Generator[Frame, None, None]:
    """The newest frames of a live camera, or all pictures of a folder.

    Raises:
        CameraError: The camera failed and did not come back.
    """
    if not camera.live:
        while (picture := camera.read()) is not None:
            yield picture
        return
    if options.give_up_s is None:
        options = replace(options, give_up_s=_GIVE_UP_S)
    news: queue.SimpleQueue[None] = queue.SimpleQueue()
    capture = Capture(camera, lambda: news.put(None), options)
    capture.start()
    try:
        while not capture.ended:
            news.get()
            if (frame := capture.take()) is not None:
                yield frame
    finally:
        capture.stop()
