"""What every camera offers, whatever it is made of."""

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from sorter.image import Pixels


@dataclass(frozen=True)
class Frame:
    """One picture from a camera.

    Attributes:
        image: uint8 BGR (H, W, 3). Readers must not change it: others may look at the same array.
        captured_at_s: When it was taken, on the clock of ``time.monotonic``.
        number: Counts up from 0 since the camera was opened; a gap means frames that nobody read.
        name: File name, for still pictures; empty otherwise.
    """

    image: Pixels
    captured_at_s: float
    number: int
    name: str = ""


class Camera(Protocol):
    """A source of frames. Constructors touch no hardware; ``open`` does.

    Attributes:
        name: What to call it in messages, for example ``/dev/video0``.
        live: True when frames come by themselves whether they are read or not; False when the next picture comes on
            request (a folder, a video file).
    """

    name: str
    live: bool

    def open(self) -> None:
        """Starts the camera.

        Raises:
            CameraError: It does not open.
        """

    def read(self) -> Frame | None:
        """Waits for the next frame; None when the source has ended.

        Raises:
            CameraError: The camera failed.
        """

    def close(self) -> None:
        """Releases the camera; closing twice does nothing."""

    def __enter__(self) -> Self:
        """Opens the camera."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the camera."""
        self.close()
