"""What a camera is asked for, and when it counts as failed. No heavy imports: the command line reads the fields."""

from dataclasses import dataclass

from sorter.edge.cameras.region import Region
from sorter.errors import ConfigError

ROTATIONS = (0, 90, 180, 270)
_MAINS_HZ = (0, 50, 60)


@dataclass(frozen=True)
class CameraOptions:
    """What a camera is asked for; a driver may give something else, and then a warning says so.

    Size, rate and the picture's settings are for V4L2 and CSI cameras; streams, videos and pictures come as they are.
    Everything else holds for every camera.

    Attributes:
        width: Columns, in pixels, before rotation; None leaves the driver's choice.
        height: Rows, in pixels, before rotation; None leaves the driver's choice.
        fps: Frames per second; None leaves the driver's choice.
        pixel_format: Four letters such as ``MJPG`` or ``YUYV``; empty leaves the driver's choice. Above 640x480 many
            USB cameras reach their full rate with ``MJPG`` alone.
        exposure_ms: Exposure time; switches the automatic off. 0 switches it on; None leaves it as it is.
        gain: In the driver's own steps (V4L2) or as a factor (CSI); None leaves it as it is.
        white_balance_k: Colour temperature of the light, in kelvin; switches the automatic off. 0 switches it on; None
            leaves it as it is.
        focus: In the driver's own steps (V4L2) or dioptres (CSI); switches the automatic off. None leaves it as it is.
        mains_hz: Frequency of the lamps' supply, 50 or 60, so that they do not flicker in the picture; 0 leaves it.
        rotation: Degrees by which pictures are turned clockwise to be upright: 0, 90, 180 or 270.
        region: Part of the upright picture that is used, as ``x,y,width,height``: pixels, or shares when all four are
            at most 1 (``0.25,0,0.5,1`` is the middle half). Empty for all of it.
        buffers: Frames that the V4L2 driver queues. One halves the rate of many cameras; more make pictures older.
        open_timeout_s: A camera that takes longer to open has failed.
        silent_s: A camera that gives no fresh picture for so long has failed.
        frozen_s: A camera that gives equal pictures for so long has failed; a sensor's noise makes all pictures differ.
            Longer than the interval of key frames of a network camera, which repeats pictures in between. 0 for never.
        black_level: A picture is black when nearly all of it is at most so bright, 0..255.
        black_s: A camera that sees black for so long has failed; black pictures are left out at once. 0 for never.
        retry_min_s: Wait before a failed camera is opened again; doubles with each attempt.
        retry_max_s: Longest wait.
        give_up_s: A camera that has failed for so long ends the program; None for never.
    """

    width: int | None = 640
    height: int | None = 480
    fps: float | None = None
    pixel_format: str = ""
    exposure_ms: float | None = None
    gain: float | None = None
    white_balance_k: int | None = None
    focus: float | None = None
    mains_hz: int = 0
    rotation: int = 0
    region: str = ""
    buffers: int = 2
    open_timeout_s: float = 10.0
    silent_s: float = 3.0
    frozen_s: float = 5.0
    black_level: int = 10
    black_s: float = 2.0
    retry_min_s: float = 0.5
    retry_max_s: float = 10.0
    give_up_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            _require(name, getattr(self, name), 16, 16384)
        _require("fps", self.fps, 0.1, 1000)
        _require("exposure_ms", self.exposure_ms, 0, 60_000)
        _require("gain", self.gain, 0, 1_000_000)
        if self.white_balance_k:
            _require("white_balance_k", self.white_balance_k, 1000, 20_000)
        if self.pixel_format and not (len(self.pixel_format) == 4 and self.pixel_format.isascii()):
            raise ConfigError(f"{self.pixel_format!r} is no pixel format.", "It has four letters: MJPG, YUYV.")
        _require_one("mains_hz", self.mains_hz, _MAINS_HZ)
        _require_one("rotation", self.rotation, ROTATIONS)
        Region.parse(self.region)
        self._check_times()

    def _check_times(self) -> None:
        _require("buffers", self.buffers, 1, 10)
        _require("black_level", self.black_level, 0, 255)
        for name in ("open_timeout_s", "silent_s", "retry_min_s", "retry_max_s"):
            _require(name, getattr(self, name), 0.01, 86_400)
        for name in ("frozen_s", "black_s", "give_up_s"):
            _require(name, getattr(self, name), 0, 1e9)
        if self.retry_min_s > self.retry_max_s:
            raise ConfigError(
                f"The first wait before a camera is opened again, {self.retry_min_s:g} s, is longer than the longest, "
                f"{self.retry_max_s:g} s.",
                "Lower retry_min_s or raise retry_max_s.",
            )


def _require(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise ConfigError(f"A camera's {name} of {value:g} is impossible.", f"Choose {least:g} to {most:g}.")


def _require_one(name: str, value: int, choices: tuple[int, ...]) -> None:
    if value not in choices:
        raise ConfigError(
            f"A camera's {name} cannot be {value}.", f"Choose one of {', '.join(str(choice) for choice in choices)}."
        )
