"""Pictures of objects as JPEG, encoded once and outside the loop."""

import queue
import threading
from collections import OrderedDict

import cv2

from sorter.edge.priority import lower_priority
from sorter.image import Pixels

QUALITY = 92
_WAITING = 4
"""Pictures waiting to be encoded; more are left out rather than slow the loop or fill the memory."""


class Picture:
    """A frame for several who want it as JPEG: the first who asks encodes it, in a thread of their own.

    Args:
        image: uint8 BGR (H, W, 3).
        quality: Of the JPEG, 1 to 100.
    """

    def __init__(self, image: Pixels, quality: int = QUALITY) -> None:
        self._image: Pixels | None = image
        self._quality = quality
        self._lock = threading.Lock()
        self._jpeg: bytes | None = None

    def jpeg(self) -> bytes | None:
        """The encoded picture; None where OpenCV cannot encode it."""
        with self._lock:
            if self._image is not None:
                try:
                    ok, data = cv2.imencode(".jpg", self._image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
                except cv2.error:
                    ok = False
                # The frame is many times larger than its JPEG: whoever still holds this no longer holds that.
                self._image, self._jpeg = None, data.tobytes() if ok else None
            return self._jpeg


class RecentPictures:
    """Keeps JPEG pictures of the latest objects by object number. Safe for use by several threads.

    Args:
        kept: How many.
    """

    def __init__(self, kept: int = 50) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._queue: queue.Queue[tuple[int, Picture] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)

    def start(self) -> None:
        """Starts the thread that encodes."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._queue.put(None)
        self._thread.join(5)

    def add(self, number: int, image: Pixels | Picture) -> None:
        """Hands over the picture of an object; returns at once.

        Args:
            number: Of the object.
            image: uint8 BGR (H, W, 3), or a ``Picture`` that others get too.
        """
        try:
            self._queue.put_nowait((number, image if isinstance(image, Picture) else Picture(image)))
        except queue.Full:
            return

    def jpeg(self, number: int) -> bytes | None:
        """The picture of an object; None when it is not kept (any more)."""
        with self._lock:
            return self._pictures.get(number)

    def _work(self) -> None:
        lower_priority()
        while (item := self._queue.get()) is not None:
            number, picture = item
            data = picture.jpeg()
            if data is None:
                continue
            with self._lock:
                self._pictures[number] = data
                while len(self._pictures) > self._kept:
                    self._pictures.popitem(last=False)
