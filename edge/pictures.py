"""Pictures of the latest objects, as JPEG, encoded outside the loop."""

import queue
import threading
from collections import OrderedDict

import cv2

from sorter.image import Pixels

_QUALITY = 92
_WAITING = 4
"""Pictures waiting to be encoded; more are left out rather than slow the loop or fill the memory."""


class RecentPictures:
    """Keeps JPEG pictures of the latest objects by object number. Safe for use by several threads.

    Args:
        kept: How many.
    """

    def __init__(self, kept: int = 50) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._pictures: OrderedDict[int, bytes] = OrderedDict()
        self._queue: queue.Queue[tuple[int, Pixels] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="pictures", daemon=True)

    def start(self) -> None:
        """Starts the thread that encodes."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._queue.put(None)
        self._thread.join(5)

    def add(self, number: int, image: Pixels) -> None:
        """Hands over the picture, uint8 BGR (H, W, 3), of an object; returns at once."""
        try:
            self._queue.put_nowait((number, image))
        except queue.Full:
            return

    def jpeg(self, number: int) -> bytes | None:
        """The picture of an object; None when it is not kept (any more)."""
        with self._lock:
            return self._pictures.get(number)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            number, image = item
            ok, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            if not ok:
                continue
            with self._lock:
                self._pictures[number] = data.tobytes()
                while len(self._pictures) > self._kept:
                    self._pictures.popitem(last=False)
