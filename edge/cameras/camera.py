"""What every camera offers, whatever it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from sorter.errors import CameraError
from sorter.image import Pixels


class CameraSetupError(CameraError):
    """A camera works but does not suit what was asked of it, for example the region; trying again mends nothing."""


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
            request (a folder).
        recorded: Whether pictures were taken long ago. Then they may repeat, be black or come in bursts, and nothing
            is wrong with the camera.
        noisy: Whether a sensor's noise makes every picture differ from the one before, so that equal pictures tell of
            a camera that hangs.
    """

    name: str
    live: bool
    recorded: bool = False
    noisy: bool = True

    @property
    def settings(self) -> Mapping[str, str]:
        """What the driver reports of size, rate, exposure and the like, by name, as text; empty where it tells nothing.

        Where it gives something else than it was asked for, the text says both.
        """
        return {}

    def open(self) -> None:
        """Starts the camera.

        Raises:
            CameraError: It does not open.
        """

    def read(self) -> Frame | None:
        """Waits for the next frame; None when the source has ended.

        Raises:
            CameraError: The camera failed, or was closed meanwhile.
        """

    def close(self) -> None:
        """Releases the camera; closing twice does nothing.

        May be called while another thread waits in ``read`` or ``open``, also one that never returns. After it the
        camera can be opened again.
        """

    def __enter__(self) -> Self:
        """Opens the camera."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the camera."""
        self.close()
