"""How a camera is doing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CameraState = Literal["opening", "ok", "lost", "silent", "frozen", "black"]
"""``lost``: it failed or vanished and is being reopened. ``silent``: it gives no frames. ``frozen``: it repeats one
picture. ``black``: it sees nothing at all."""


@dataclass(frozen=True)
class CameraHealth:
    """A snapshot of a camera's state.

    Attributes:
        state: Frames are delivered in state ``ok`` alone.
        reason: One sentence for people; empty while all is well.
        size: (width, height) in pixels of the frames delivered, after rotation; (0, 0) before the first.
        fps: Frames a second, measured over the last seconds; 0 where unknown.
        frame_at_s: When the newest good frame was taken, on the clock of ``time.monotonic``; None before the first.
        frames: Good frames so far.
        dropped: Frames replaced by newer ones before anybody looked at them.
        reopened: How often it was opened again.
        settings: What the driver reports of exposure, white balance, size and rate, by name, as text.
    """

    state: CameraState = "opening"
    reason: str = ""
    size: tuple[int, int] = (0, 0)
    fps: float = 0.0
    frame_at_s: float | None = None
    frames: int = 0
    dropped: int = 0
    reopened: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
