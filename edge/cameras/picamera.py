"""The Raspberry Pi's CSI camera through picamera2, which Raspberry Pi OS installs with apt."""

import time
from collections.abc import Mapping
from typing import Any

from sorter.cli import warn
from sorter.edge.cameras.camera import Camera, Frame
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.slot import DeviceSlot, EmptySlotError
from sorter.errors import CameraError
from sorter.image import Pixels

_TOLERANCE = 0.05
"""Sensors expose whole rows and amplify in steps."""

_LONGEST_QUEUE_S = 60.0


class PiCamera(Camera):
    """A CSI camera.

    Args:
        index: Its number, 0 for the first.
        options: What it is asked for.
    """

    live = True

    def __init__(self, index: int, options: CameraOptions | None = None) -> None:
        self.name = f"camera csi://{index}"
        self._index = index
        self._options = options or CameraOptions()
        self._slot: DeviceSlot[Any] = DeviceSlot(_release)
        self._settings: Mapping[str, str] = {}
        self._number = 0

    @property
    def settings(self) -> Mapping[str, str]:
        """What the camera reported with its first picture."""
        return self._settings

    def open(self) -> None:
        """Starts the camera.

        Raises:
            CameraError: picamera2 is missing, or there is no such camera.
        """
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise CameraError(
                f"Camera csi://{self._index} needs picamera2, which is not installed.",
                "On Raspberry Pi OS: sudo apt install python3-picamera2, in an environment with system packages.",
            ) from error
        try:
            self._slot.fill(lambda: self._start(Picamera2(self._index)))
        except (RuntimeError, IndexError, OSError, EmptySlotError) as error:
            raise CameraError(
                f"Camera csi://{self._index} does not open: {error}.",
                "Check its ribbon cable; list cameras with rpicam-hello.",
            ) from error
        self._number = 0

    def _start(self, camera: Any) -> Any:
        try:
            # picamera2 names formats by the order in a 32-bit word: its "RGB888" is B, G, R in memory.
            size = (self._options.width or 640, self._options.height or 480)
            wanted = make_controls(self._options)
            known = {name: value for name, value in wanted.items() if name in camera.camera_controls}
            if "ColourTemperature" in known:
                known.pop("ColourGains", None)
            if missing := sorted(wanted.keys() - known.keys() - {"ColourTemperature", "ColourGains"}):
                warn(f"Camera csi://{self._index} cannot set {', '.join(missing)}.")
            camera.configure(camera.create_video_configuration({"size": size, "format": "RGB888"}, controls=known))
            camera.start()
        except BaseException:
            camera.close()
            raise
        return camera

    def read(self) -> Frame | None:
        """Waits for the next frame.

        Raises:
            CameraError: The camera gives none.
        """
        try:
            image, metadata = self._slot.use(_capture)
        except EmptySlotError:
            raise CameraError(f"Camera csi://{self._index} is not open.") from None
        except (RuntimeError, OSError) as error:
            raise CameraError(
                f"Camera csi://{self._index} stopped giving pictures: {error}.", "Check its cable."
            ) from error
        if self._number == 0:
            self._tell_settings(image, metadata)
        frame = Frame(image, _taken_at_s(metadata), self._number)
        self._number += 1
        return frame

    def close(self) -> None:
        """Stops the camera."""
        self._slot.clear()

    def _tell_settings(self, image: Pixels, metadata: Mapping[str, Any]) -> None:
        first = not self._settings
        self._settings, differing = describe_settings(self._options, (image.shape[1], image.shape[0]), metadata)
        if differing and first:
            warn(f"Camera csi://{self._index} has {', '.join(differing)}.")


def make_controls(options: CameraOptions) -> dict[str, Any]:
    """The options as controls of libcamera; the same wish twice where versions of libcamera differ."""
    controls: dict[str, Any] = {}
    if options.fps:
        controls["FrameRate"] = options.fps
    if options.exposure_ms is not None:
        controls["AeEnable"] = options.exposure_ms == 0
    if options.exposure_ms:
        controls["ExposureTime"] = round(options.exposure_ms * 1000)
    if options.gain is not None:
        controls["AnalogueGain"] = options.gain
    if options.white_balance_k is not None:
        controls["AwbEnable"] = options.white_balance_k == 0
    if options.white_balance_k:
        controls["ColourTemperature"] = options.white_balance_k
        controls["ColourGains"] = colour_gains(options.white_balance_k)
    if options.focus is not None:
        controls |= {"AfMode": 0, "LensPosition": options.focus}
    if options.mains_hz and not options.exposure_ms:
        # Automatic exposure keeps to whole half-waves of the lamps.
        controls |= {"AeFlickerMode": 1, "AeFlickerPeriod": round(1e6 / (2 * options.mains_hz))}
    return controls


def colour_gains(temperature_k: float) -> tuple[float, float]:
    """Gains of red and blue for a colour temperature, for cameras that cannot be told the temperature itself.

    Interpolated over the reciprocal temperature, between gains that suit common sensors roughly below a tungsten lamp
    and a clouded sky. Sensors differ; what matters for a classifier is that the colours stay the same.
    """
    share = (1 / temperature_k - 1 / 7600) / (1 / 2800 - 1 / 7600)
    share = min(max(share, 0.0), 1.0)
    return round(2.3 - 1.0 * share, 3), round(1.4 + 1.5 * share, 3)


def describe_settings(
    options: CameraOptions, size: tuple[int, int], metadata: Mapping[str, Any]
) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Settings by name as text, and those that differ from what was asked for (see ``v4l2.read_settings``)."""
    asked_size = (options.width or size[0], options.height or size[1])
    told = {"size": f"{size[0]}x{size[1]}"}
    differing = [] if size == asked_size else [f"size {size[0]}x{size[1]} instead of {asked_size[0]}x{asked_size[1]}"]
    duration_us = metadata.get("FrameDuration")
    rows = (
        ("exposure", _divided(metadata.get("ExposureTime"), 1000), options.exposure_ms or None, "ms"),
        ("gain", metadata.get("AnalogueGain"), options.gain, ""),
        ("white balance", metadata.get("ColourTemperature"), options.white_balance_k or None, "K"),
        ("rate", 1e6 / duration_us if duration_us else None, options.fps, "fps"),
    )
    for name, got, asked, unit in rows:
        if got is None:
            continue
        told[name] = f"{got:.4g} {unit}".strip()
        # With fixed gains the estimated temperature is the scene's, not ours.
        if asked is not None and name != "white balance" and abs(got - asked) > _TOLERANCE * asked:
            differing.append(f"{name} {told[name]} instead of {f'{asked:g} {unit}'.strip()}")
            told[name] += f", asked for {f'{asked:g} {unit}'.strip()}"
    return told, tuple(differing)


def _divided(value: float | None, by: float) -> float | None:
    return None if value is None else value / by


def _capture(camera: Any) -> tuple[Pixels, Mapping[str, Any]]:
    request = camera.capture_request()
    try:
        return request.make_array("main"), request.get_metadata()
    finally:
        request.release()


def _taken_at_s(metadata: Mapping[str, Any]) -> float:
    """The sensor's time stamp, nanoseconds since boot, on the clock of ``time.monotonic``."""
    now_s = time.monotonic()
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - metadata.get("SensorTimestamp", 0) / 1e9
    return now_s - age_s if 0.0 <= age_s < _LONGEST_QUEUE_S else now_s


def _release(camera: Any) -> None:
    camera.stop()
    camera.close()
