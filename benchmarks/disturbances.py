"""What disturbs a camera above a sorter, simulated in linear light: flicker, shadows, dusk, shaking, noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.image import Pixels

Floats = npt.NDArray[np.float32]

READOUT_S = 0.025
"""How long a rolling shutter takes from the first row to the last; usual for small sensors at 30 frames a second."""

_LEVELS = 4096


def _srgb_tables() -> tuple[Floats, Pixels]:
    """Bytes to linear light and back, IEC 61966-2-1."""
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    light = np.arange(_LEVELS) / (_LEVELS - 1)
    levels = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    return linear, np.clip(levels + 0.5, 0, 255).astype(np.uint8)


_LINEAR, _ENCODED = _srgb_tables()


@dataclass(frozen=True)
class Exposure:
    """What happens to one frame.

    Attributes:
        gain: What the light is multiplied by: a number, or an array that broadcasts to (H, W, 3).
        shift_px: Columns and rows by which the camera has moved.
        noise: Standard deviation of the sensor's noise, in bytes.
    """

    gain: float | Floats = 1.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    noise: float = 1.0


class Sensor:
    """Exposes pictures of a shape (height, width); noise comes from a bank, as drawing it anew would cost most."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._bank = self._rng.standard_normal((shape[0] + 64, shape[1] + 64, 3)).astype(np.float32)

    def expose(self, picture: Pixels, exposure: Exposure) -> Pixels:
        """The picture as the camera gives it: uint8 BGR (H, W, 3)."""
        height, width = picture.shape[:2]
        if exposure.shift_px != (0.0, 0.0):
            matrix = np.array([[1, 0, exposure.shift_px[0]], [0, 1, exposure.shift_px[1]]], np.float32)
            moved = cv2.warpAffine(
                picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            )
            picture = moved.astype(np.uint8)
        light = _LINEAR[picture] * np.float32(_LEVELS - 1) * exposure.gain
        encoded = _ENCODED[np.clip(light, 0, _LEVELS - 1).astype(np.int16)]
        row, column = self._rng.integers(0, 64, 2)
        noisy = encoded + self._bank[row : row + height, column : column + width] * np.float32(exposure.noise)
        levels: Pixels = np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
        return levels


Disturbance = Callable[[float, tuple[int, ...]], Exposure]
"""From the time in seconds and the shape (height, width, ...) to what happens to the frame."""


def flicker(mains_hz: float, depth: float, *, bands: bool = True) -> Disturbance:
    """A lamp on the mains, dark twice in each period, at short exposure."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        moments = now_s + (np.linspace(0, READOUT_S, shape[0]) if bands else np.zeros(shape[0]))
        rows = 1 + depth * np.sin(2 * np.pi * 2 * mains_hz * moments)
        return Exposure(rows.astype(np.float32)[:, None, None])

    return at


def _soft_disc(shape: tuple[int, ...], x: float, y: float, radius: float, penumbra: float) -> Floats:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot((columns / shape[1] - x) * shape[1] / shape[0], rows / shape[0] - y)
    return (1 / (1 + np.exp((distance - radius) / (penumbra / 4)))).astype(np.float32)


def passing_shadow(depth: float, penumbra: float = 0.12) -> Disturbance:
    """Every 6 s a soft shadow crosses within 2 s; ``penumbra`` is a share of the picture's height."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        turn, phase = divmod(now_s, 6.0)
        x, y = -0.6 + 2.2 * phase / 2, 0.3 + 0.4 * (turn * 0.618 % 1)
        return Exposure((1 - depth * _soft_disc(shape, x, y, 0.3, penumbra))[..., None])

    return at


def staying_shadow(depth: float, penumbra: float = 0.12) -> Disturbance:
    """A person comes near, stays for 20 s, and goes, every 40 s."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        phase = now_s % 40
        x = -0.5 + 0.75 * min(1, phase / 3) - 0.75 * min(1.0, max(0.0, (phase - 23) / 3))
        return Exposure((1 - depth * _soft_disc(shape, x, 0.55, 0.35, penumbra))[..., None])

    return at


def dusk(lowest: float = 0.2, period_s: float = 360) -> Disturbance:
    """The light falls to ``lowest`` and comes back, and grows colder meanwhile."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        strength = lowest ** (0.5 - 0.5 * math.cos(2 * math.pi * now_s / period_s))
        cold = 0.12 * (1 - strength)
        return Exposure((np.array([1 + cold, 1, 1 - cold]) * strength).astype(np.float32))

    return at


def switched_lamp(low: float = 0.35, every_s: float = 15, uneven: float = 0.0) -> Disturbance:
    """A lamp goes on and off; ``uneven`` makes what remains stronger on one side."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        if int(now_s / every_s) % 2 == 0:
            return Exposure()
        across = np.linspace(-uneven, uneven, shape[1], dtype=np.float32)
        return Exposure(np.float32(low) * (1 + across)[None, :, None])

    return at


def exposure_steps(step: float = 0.25) -> Disturbance:
    """An automatic exposure that cannot make up its mind."""
    return lambda now_s, shape: Exposure(float(2 ** (step * ((int(now_s / 1.7) * 7919) % 5 - 2))))


def shaking(amplitude_px: float = 2.0) -> Disturbance:
    """Machines nearby: two oscillations of changing strength; pixels of a picture 320 wide."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        scale = amplitude_px * shape[1] / 320
        x = scale * math.sin(2 * math.pi * 7.3 * now_s) * math.sin(0.31 * now_s)
        y = scale * math.sin(2 * math.pi * 9.1 * now_s + 1) * math.sin(0.23 * now_s)
        return Exposure(1.0, (x, y))

    return at


def noise(strength: float) -> Disturbance:
    """A sensor at its limit, with a fifth of the light."""
    return lambda now_s, shape: Exposure(0.2, (0.0, 0.0), strength)


def together(*parts: Disturbance) -> Disturbance:
    """Several at once."""

    def at(now_s: float, shape: tuple[int, ...]) -> Exposure:
        exposures = [part(now_s, shape) for part in parts]
        gain = np.ones((1, 1, 1), np.float32)
        for exposure in exposures:
            gain = (gain * exposure.gain).astype(np.float32)
        x, y = (sum(exposure.shift_px[axis] for exposure in exposures) for axis in (0, 1))
        return Exposure(gain, (x, y), max(exposure.noise for exposure in exposures))

    return at


DISTURBANCES: dict[str, Disturbance] = {
    "steady": lambda now_s, shape: Exposure(),
    "flicker 50 Hz": flicker(50, 0.25),
    "flicker 60 Hz": flicker(60, 0.25),
    "flicker, global shutter": flicker(50, 0.3, bands=False),
    "light shadow passing": passing_shadow(0.4),
    "deep shadow passing": passing_shadow(0.7, 0.2),
    "shadow staying": staying_shadow(0.5),
    "dusk and dawn": dusk(),
    "lamp switched": switched_lamp(),
    "uneven lamp switched": switched_lamp(0.5, uneven=0.4),
    "exposure steps": exposure_steps(),
    "camera shakes": shaking(),
    "noise at low light": noise(7.0),
    "flicker, shaking and dusk": together(flicker(60, 0.15), shaking(1.0), dusk()),
}
