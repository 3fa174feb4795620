"""The live picture: encoded when somebody looks, once for all who do."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

import cv2
import numpy as np

from sorter.edge.monitor import Monitor, View
from sorter.image import Pixels

_LONGEST_SIDE_PX = 640
_QUALITY = 75
_INTERVAL_S = 1 / 15
"""Least time between two encodings; a smoother picture would tell the operator nothing more."""
_LOOK_S = 0.02
_PATIENCE_S = 1.0


@dataclass(frozen=True)
class LivePicture:
    """One encoded frame.

    Attributes:
        key: Tells frames apart, also after the camera was opened again.
        view: What the sorter saw in it.
        jpeg: The picture.
    """

    key: str
    view: View
    jpeg: bytes


class Live:
    """Gives each viewer the newest picture that it does not have yet. Used from one event loop.

    Args:
        monitor: Holds the newest frame.
        encoder: Where pictures are encoded, so that nothing else waits for that.

    Attributes:
        encoded: How many pictures were encoded.
    """

    def __init__(self, monitor: Monitor, encoder: Executor) -> None:
        self._monitor, self._encoder = monitor, encoder
        self._key = ""
        self._encoding: asyncio.Future[LivePicture] | None = None
        self._started_s = float("-inf")
        self.encoded = 0

    async def newer_than(self, key: str) -> LivePicture | None:
        """The newest picture if its key is another one; waits for that up to a second, then gives None."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _PATIENCE_S
        while loop.time() < deadline_s:
            self._refresh(loop)
            if self._encoding is not None and self._key != key:
                # Shielded: others wait for the same picture when this viewer goes away.
                return await asyncio.shield(self._encoding)
            await asyncio.sleep(_LOOK_S)
        return None

    def _refresh(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to encode the newest frame, unless that was done or another was begun just before."""
        view = self._monitor.view
        busy = self._encoding is not None and not self._encoding.done()
        if view is None or busy or loop.time() - self._started_s < _INTERVAL_S or key_of(view) == self._key:
            return
        self._key, self._started_s = key_of(view), loop.time()
        self._encoding = loop.run_in_executor(self._encoder, encode, view)
        self.encoded += 1


def key_of(view: View) -> str:
    """Tells frames apart."""
    return f"{view.frame.number}-{view.frame.captured_at_s:.3f}"


def encode(view: View) -> LivePicture:
    """Shrinks a frame to what a phone can show, and encodes it."""
    _, data = cv2.imencode(".jpg", _shrink(view.frame.image), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return LivePicture(key_of(view), view, data.tobytes())


def _shrink(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    scale = _LONGEST_SIDE_PX / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
