"""Light on objects and the shadow they throw; what a camera's sensor adds."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.simulation.shape import Surface
from sorter.edge.simulation.skin import Colours, Skin
from sorter.edge.simulation.texture import Field, cut, white
from sorter.image import Pixels

_FINEST_RELIEF = 0.008
"""Standard deviation of the filter on pores and bumps, in the fruit's units (its radius is 1)."""


@dataclass(frozen=True)
class Light:
    """One lamp and the light that comes from everywhere.

    Attributes:
        direction: Unit vector towards the lamp, in the camera's axes (x right, y down, z towards the camera).
        lamp: (3,) linear BGR strength of the lamp.
        ambient: (3,) linear BGR strength of the light from everywhere.
        softness: Size of the lamp: 0 throws hard shadows, 1 soft ones.
    """

    direction: npt.NDArray[np.float32]
    lamp: Colours
    ambient: Colours
    softness: float

    @classmethod
    def vary(cls, rng: np.random.Generator) -> "Light":
        """A lamp somewhere above, warm or cold, dim or bright."""
        heading, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.45, 0.95)
        flat = np.sqrt(1 - height * height)
        direction = np.array([flat * np.cos(heading), flat * np.sin(heading), height], np.float32)
        warmth = rng.normal(0, 0.09)
        tint = np.array([np.exp(-warmth), 1.0, np.exp(warmth)], np.float32)
        strength = np.exp(rng.normal(0, 0.16))
        fill = rng.uniform(0.22, 0.5)
        lamp = (tint * strength * (1.12 - fill)).astype(np.float32)
        ambient = (np.sqrt(tint) * strength * fill).astype(np.float32)
        return cls(direction, lamp, ambient, float(rng.uniform(0.2, 1.0)))


@dataclass(frozen=True)
class Sprite:
    """An object ready to be laid on a picture.

    Attributes:
        picture: uint8 BGR (h, w, 3).
        alpha: (h, w) share of the pixel that the object covers.
        shade: (h, w) what the object's shadow leaves of the ground's brightness, 0..1.
        box: (left, top, right, bottom) of the object itself, in pixels; the shadow may reach farther.
    """

    picture: Pixels
    alpha: Field
    shade: Field
    box: tuple[int, int, int, int]


def shine(surface: Surface, skin: Skin, light: Light) -> Pixels:
    """Lights a surface: uint8 BGR (side, side, 3).

    Diffuse light wraps a little around the edge, as it does on translucent fruit; the highlight is Blinn's
    ("Models of light reflection for computer synthesized pictures", SIGGRAPH 1977).
    """
    slope = np.float32(-1.0 / (8 * surface.pixel))  # Sobel's kernel sums to 8 pixel steps.
    # Relief finer than this is left out, or pores would look deeper the larger the picture is.
    relief = cv2.GaussianBlur(skin.relief, (0, 0), max(0.35, _FINEST_RELIEF / surface.pixel))
    normal = surface.normal.copy()
    normal[..., 0] += cv2.Sobel(relief, cv2.CV_32F, 1, 0) * slope
    normal[..., 1] += cv2.Sobel(relief, cv2.CV_32F, 0, 1) * slope
    normal /= np.sqrt(np.einsum("ijk,ijk->ij", normal, normal))[..., None] + np.float32(1e-6)
    diffuse = np.clip((normal @ light.direction + np.float32(0.15)) * np.float32(1 / 1.15), 0, 1)
    # The ground darkens what faces it.
    openness = np.float32(0.62) + np.float32(0.38) * normal[..., 2]
    half = light.direction + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    facing = np.clip(normal @ half, 0, 1)
    highlight = np.exp((facing - 1) * np.float32(skin.shininess)) * skin.gloss
    lit = diffuse[..., None] * light.lamp + openness[..., None] * light.ambient
    linear = skin.albedo * lit + highlight[..., None] * (light.lamp * np.float32(0.55))
    if skin.fuzz:
        rim = np.clip(1 - normal[..., 2], 0, 1) ** 2 * np.float32(skin.fuzz * 0.35)
        linear += rim[..., None] * lit
    return encode(linear)


def encode(linear: Colours) -> Pixels:
    """Linear light to bytes, bright parts compressed gently as cameras do; (H, W, 3) to uint8 (H, W, 3)."""
    knee = np.float32(0.75)
    over = np.maximum(linear - knee, 0)
    compressed = np.minimum(linear, knee) + over / (1 + 2 * over)
    levels: Pixels = np.clip(np.sqrt(np.maximum(compressed, 0)) * 255 + np.float32(0.5), 0, 255).astype(np.uint8)
    return levels


def shadow_margin_px(light: Light, height_px: float) -> int:
    """Room that the shadow of an object needs on each side of it."""
    return math.ceil(_reach(light, height_px) + 2.4 * _softening_px(light, height_px))


def _reach(light: Light, height_px: float) -> float:
    flat = float(np.hypot(light.direction[0], light.direction[1]))
    return height_px * min(0.9, 0.75 * flat / float(light.direction[2]))


def _softening_px(light: Light, height_px: float) -> float:
    return 2.0 + height_px * (0.05 + 0.17 * light.softness)


def shadow(alpha: Field, light: Light, height_px: float) -> Field:
    """What the shadow of a lying object leaves of the ground's brightness.

    Args:
        alpha: (h, w) the object's cover, with room around it.
        light: Where the shadow falls and how soft it is.
        height_px: How high the object rises above the ground.
    """
    quarter = cv2.resize(alpha, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    away = -light.direction[:2] / max(1e-6, float(np.hypot(light.direction[0], light.direction[1])))
    reach = _reach(light, height_px) / 4
    thrown = quarter
    for share in (0.3, 0.65, 1.0):
        dx, dy = away * reach * share
        shifted = cv2.warpAffine(quarter, np.array([[1, 0, dx], [0, 1, dy]], np.float32), quarter.shape[::-1])
        thrown = np.maximum(thrown, shifted)
    thrown = cv2.GaussianBlur(thrown, (0, 0), _softening_px(light, height_px) / 4)
    contact = cv2.GaussianBlur(quarter, (0, 0), max(0.6, height_px / 4 * 0.08))
    lamp_share = float(light.lamp.mean() / (light.lamp.mean() + light.ambient.mean()))
    dark = np.clip(lamp_share * (1 - 0.25 * light.softness) * thrown + 0.3 * contact, 0, 0.92)
    full = cv2.resize(dark, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.sqrt(1 - full)


def lay(picture: Pixels, sprite: Sprite, left: int, top: int) -> None:
    """Lays a sprite on a picture in place; what would lie outside is cut off.

    Args:
        picture: uint8 BGR (H, W, 3), changed.
        sprite: The object.
        left: Column of the sprite's left edge; may be negative.
        top: Row of the sprite's upper edge; may be negative.
    """
    height, width = picture.shape[:2]
    h, w = sprite.alpha.shape
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
    if x0 >= x1 or y0 >= y1:
        return
    inside = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    ground = picture[y0:y1, x0:x1]
    alpha = sprite.alpha[inside]
    kept = (sprite.shade[inside] * (1 - alpha))[..., None]
    blended = ground * kept + sprite.picture[inside] * alpha[..., None]
    picture[y0:y1, x0:x1] = (blended + np.float32(0.5)).astype(np.uint8)


@dataclass(frozen=True)
class Sensor:
    """What a camera adds to the picture.

    Attributes:
        blur_px: Standard deviation of the lens's blur.
        gain: Brightness of the exposure.
        noise: Standard deviation of the noise, in byte steps.
    """

    blur_px: float = 0.5
    gain: float = 1.0
    noise: float = 2.0

    @classmethod
    def vary(cls, rng: np.random.Generator) -> "Sensor":
        """A camera between good and cheap."""
        return cls(float(rng.uniform(0.2, 1.1)), float(np.exp(rng.normal(0, 0.08))), float(rng.uniform(0.8, 5.0)))

    def expose(self, picture: Pixels, rng: np.random.Generator) -> Pixels:
        """Blurs, brightens and adds noise: uint8 BGR (H, W, 3), a new array."""
        height, width = picture.shape[:2]
        seen = cv2.GaussianBlur(picture, (0, 0), self.blur_px) if self.blur_px > 0.25 else picture
        noise = cut(white(), (width * 3, height), rng).reshape(height, width, 3)
        floats = seen * np.float32(self.gain) + noise * np.float32(self.noise)
        return np.clip(floats + np.float32(0.5), 0, 255).astype(np.uint8)
