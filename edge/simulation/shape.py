"""Shapes of fruits as distance functions, and the rays that find their surface.

A shape is a function that tells how far a point is from the surface, negative inside. Every ray runs towards the
object in steps as long as that distance ("sphere tracing": Hart, The Visual Computer 12, 1996). The functions are not
exact distances, hence the shortened steps.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.simulation.texture import Field

Distance = Callable[[Field, Field, Field], Field]
"""Distance of points (x, y, z) from a surface. Fruits fit into a ball of radius 1; y is their long axis, or the
plane of the bend is x-y."""

_STEPS = 15
_STEP_SHARE = np.float32(1.0)
_NORMAL_STEP = np.float32(0.012)
_BALL_RADIUS = 1.04


@dataclass(frozen=True)
class Surface:
    """What a camera sees of a shape, pixel by pixel; all arrays (side, side).

    Attributes:
        x: Place on the fruit, in the fruit's own axes.
        y: The same; the long axis.
        z: The same.
        normal: (side, side, 3) unit normals in the camera's axes: x right, y down, z towards the camera.
        alpha: Share of the pixel that the fruit covers, 0..1.
        own_normal_y: Normal along the fruit's long axis.
        own_normal_z: Normal along the fruit's z axis.
        pixel: Width of a pixel, in the fruit's units.
    """

    x: Field
    y: Field
    z: Field
    normal: npt.NDArray[np.float32]
    alpha: Field
    own_normal_y: Field
    own_normal_z: Field
    pixel: float


def trace(distance: Distance, side_px: int, rotation: npt.NDArray[np.float32]) -> Surface:
    """Looks at a shape from above.

    Args:
        distance: The shape.
        side_px: Side of the picture that holds the ball around the shape.
        rotation: (3, 3) matrix from the fruit's axes to the camera's.
    """
    pixel = 2 * _BALL_RADIUS / side_px
    ticks = (np.arange(side_px, dtype=np.float32) + 0.5) * np.float32(pixel) - np.float32(_BALL_RADIUS)
    across, down = np.meshgrid(ticks, ticks)
    start = np.sqrt(np.maximum(_BALL_RADIUS**2 - across * across - down * down, 0))
    ray = -rotation[2]
    # The rotation is orthogonal: a camera point p is rotation.T @ p in the fruit's axes.
    origin = [rotation[0, i] * across + rotation[1, i] * down + rotation[2, i] * start for i in range(3)]
    travelled = np.zeros_like(start)
    nearest = np.full_like(start, np.float32(9.0))
    place = travelled
    for _ in range(_STEPS):
        x, y, z = (origin[i] + ray[i] * travelled for i in range(3))
        gap = distance(x, y, z)
        closer = gap < nearest
        place = np.where(closer, travelled, place)
        nearest = np.where(closer, gap, nearest)
        # Rays that miss must not run off to where cubes of coordinates overflow.
        travelled = travelled + np.minimum(gap * _STEP_SHARE, 1)
    x, y, z = (origin[i] + ray[i] * place for i in range(3))
    own = _own_normals(distance, x, y, z)
    normal = own @ rotation.T
    alpha = np.clip(1.25 - nearest * np.float32(1.0 / pixel), 0, 1)
    alpha[start <= 0] = 0
    return Surface(x, y, z, normal, alpha, own[..., 1], own[..., 2], pixel)


def _own_normals(distance: Distance, x: Field, y: Field, z: Field) -> npt.NDArray[np.float32]:
    # Gradient from the four corners of a tetrahedron: one evaluation less than by axes, and no bias.
    total = np.zeros((*x.shape, 3), np.float32)
    h = _NORMAL_STEP
    for sx, sy, sz in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        gap = distance(x + sx * h, y + sy * h, z + sz * h)
        total[..., 0] += sx * gap
        total[..., 1] += sy * gap
        total[..., 2] += sz * gap
    length = np.sqrt(np.einsum("ijk,ijk->ij", total, total)) + np.float32(1e-9)
    normals: npt.NDArray[np.float32] = total / length[..., None]
    return normals


def turn(spin: float, tilt: float, heading: float) -> npt.NDArray[np.float32]:
    """Rotation of a lying fruit, angles in radians.

    Args:
        spin: About its own long axis.
        tilt: 0 lies flat, pi/2 shows its upper end to the camera.
        heading: Direction of the long axis in the picture.
    """
    cs, ss, ct, st, ch, sh = (f(a) for a in (spin, tilt, heading) for f in (np.cos, np.sin))
    about_y = np.array([[cs, 0, ss], [0, 1, 0], [-ss, 0, cs]])
    about_x = np.array([[1, 0, 0], [0, ct, -st], [0, st, ct]])
    about_z = np.array([[ch, -sh, 0], [sh, ch, 0], [0, 0, 1]])
    rotation: npt.NDArray[np.float32] = (about_z @ about_x @ about_y).astype(np.float32)
    return rotation


def _polar(x: Field, y: Field, z: Field) -> tuple[Field, Field]:
    r = np.sqrt(x * x + y * y + z * z) + np.float32(1e-6)
    return r, y / r


def _single(distance: npt.NDArray[Any]) -> Field:
    return distance.astype(np.float32, copy=False)


def _five_lobes(a: Field, b: Field) -> Field:
    """cos(5 phi) of the direction (a, b), times its length to the fifth."""
    a2, b2 = a * a, b * b
    lobes: Field = a * (a2 * a2 - 10 * a2 * b2 + 5 * b2 * b2)
    return lobes


def apple_stem(rng: np.random.Generator) -> Distance:
    """A thin curved stem that stands in the upper dimple."""
    lean_x, lean_z = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)
    length, thickness = rng.uniform(0.32, 0.52), rng.uniform(0.028, 0.045)

    def distance(x: Field, y: Field, z: Field) -> Field:
        height = np.clip(y - 0.5, 0, length)
        bend = height * height * np.float32(1.6)
        dx, dy, dz = x - lean_x * bend, y - 0.5 - height, z - lean_z * bend
        gap: Field = np.sqrt(dx * dx + dy * dy + dz * dz) - thickness * (
            1 + np.float32(0.35) * (height > length - 0.05)
        )
        return gap

    return distance


def apple(rng: np.random.Generator) -> Distance:
    """A ball with a dimple at either end and five lobes near the lower one."""
    top, bottom = rng.uniform(0.26, 0.36), rng.uniform(0.1, 0.18)
    lobes, taper, squash = rng.uniform(0.0, 0.05), rng.uniform(0.02, 0.1), rng.uniform(0.86, 1.02)

    def distance(x: Field, y: Field, z: Field) -> Field:
        r, c = _polar(x, y * np.float32(1 / squash), z)
        radius = 0.88 + taper * c - top * np.exp((c - 1) * 14) - bottom * np.exp((c + 1) * -22)
        ripple = np.float32(lobes) * _five_lobes(x, z) * (1 - c) / (r * r * r * r * r)
        return _single((r - radius - ripple) * 0.85)

    return distance


def orange(rng: np.random.Generator) -> Distance:
    """A ball, a little flat, with a shallow dimple at its button."""
    flat, dimple, navel = rng.uniform(0.0, 0.08), rng.uniform(0.02, 0.06), rng.uniform(0.0, 0.05)

    def distance(x: Field, y: Field, z: Field) -> Field:
        r, c = _polar(x, y, z)
        return _single(r - 0.92 + flat * c * c + dimple * np.exp((c - 1) * 40) + navel * np.exp((c + 1) * -60))

    return distance


def lemon(rng: np.random.Generator) -> Distance:
    """A long ball with a nipple at either end, the blossom end's larger."""
    wide, long = rng.uniform(0.6, 0.68), rng.uniform(0.8, 0.86)
    blossom, stalk = rng.uniform(0.1, 0.17), rng.uniform(0.03, 0.08)
    sharp = rng.uniform(22, 38)

    def distance(x: Field, y: Field, z: Field) -> Field:
        r, c = _polar(x, y, z)
        c2 = c * c
        radius = 1 / np.sqrt(c2 * (1 / long**2) + (1 - c2) * (1 / wide**2))
        nipples = blossom * np.exp((c - 1) * sharp) + stalk * np.exp((c + 1) * -sharp * 1.3)
        gap: Field = (r - radius - nipples) * np.float32(0.8)
        return gap

    return distance


def kiwi(rng: np.random.Generator, cut: float | None) -> Distance:
    """A rounded barrel; ``cut`` is where a knife went across it, None leaves it whole."""
    wide, thick = rng.uniform(0.66, 0.74), rng.uniform(0.6, 0.68)
    squareness = rng.uniform(0.0, 0.06)

    def distance(x: Field, y: Field, z: Field) -> Field:
        a, b, c = x * np.float32(1 / wide), y * np.float32(1 / 0.9), z * np.float32(1 / thick)
        r = np.sqrt(a * a + b * b + c * c)
        body = (r - 1 + squareness * b * b * b * b) * np.float32(0.62)
        gap: Field = body if cut is None else np.maximum(body, y - np.float32(cut))
        return gap

    return distance


def avocado(rng: np.random.Generator) -> Distance:
    """A pear of two balls with a soft neck."""
    neck = rng.uniform(0.3, 0.4)
    blend, reach = rng.uniform(0.3, 0.5), rng.uniform(0.42, 0.56)

    def distance(x: Field, y: Field, z: Field) -> Field:
        flat = x * x + z * z
        belly = np.sqrt(flat + (y + 0.3) ** 2) - 0.64
        top = np.sqrt(flat + (y - reach) ** 2) - neck
        h = np.clip(0.5 + (top - belly) * np.float32(0.5 / blend), 0, 1)
        return _single((top + (belly - top) * h - np.float32(blend) * h * (1 - h)) * 0.95)

    return distance


def halved_avocado(rng: np.random.Generator, whole: Distance) -> Distance:
    """The lower half of one, cut face up, with its stone or the hollow that the stone left."""
    stone = rng.uniform(0.26, 0.32) if rng.random() < 0.7 else None

    def distance(x: Field, y: Field, z: Field) -> Field:
        half = np.maximum(whole(x, y, z), z)
        centre = np.sqrt(x * x + z * z + (y + 0.3) ** 2)
        gap: Field = np.minimum(half, centre - stone) if stone else np.maximum(half, 0.28 - centre)
        return gap

    return distance


@dataclass(frozen=True)
class Bend:
    """The bent axis of a banana: an arc in its x-y plane, centred on the origin.

    Attributes:
        half_angle: From the middle to either end, in radians.
        radius: Of the arc.
    """

    half_angle: float
    radius: float

    @classmethod
    def vary(cls, rng: np.random.Generator) -> "Bend":
        """A bend between nearly straight and a third of a circle."""
        half_angle = rng.uniform(0.55, 1.0)
        return cls(half_angle, 0.86 / math.sin(half_angle))

    def axes(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Position along the bent axis, -1..1 between the ends, and distance from it in the plane of the bend."""
        middle = np.float32(self.radius * (1 + np.cos(self.half_angle)) / 2)
        radius, angle = cv2.cartToPolar(y + middle, x)
        along = np.where(angle > np.pi, angle - np.float32(2 * np.pi), angle) * np.float32(1 / self.half_angle)
        return along.astype(np.float32), radius - np.float32(self.radius)


def banana(rng: np.random.Generator, bend: Bend) -> Distance:
    """A bent tube with five ribs that thins towards the tip and ends in a stalk; it lies in the x-y plane."""
    thickness, ribs = rng.uniform(0.19, 0.24), np.float32(rng.uniform(0.025, 0.06))
    arc_length = np.float32(bend.half_angle * bend.radius)

    def distance(x: Field, y: Field, z: Field) -> Field:
        along, across = bend.axes(x, y)
        u = np.clip(along, -1, 1)
        around = np.sqrt(across * across + z * z) + np.float32(1e-6)
        lobes = _five_lobes(across, z) / (around * around * around * around * around)
        body = np.sqrt(np.sqrt(np.maximum(1 - u * u, 0)))
        stalk = np.clip((u - 0.6) * 2.5, 0, 1)
        radius = np.maximum(body * (1 - 0.62 * stalk), 0.26 + np.float32(0.1) * (u > 0.93)) * np.float32(thickness)
        radius = radius * (1 + ribs * lobes * (1 - stalk))
        beyond = np.maximum(np.abs(along) - 1, 0) * arc_length
        tube = around - radius
        outside = np.maximum(tube, 0)
        gap: Field = (np.sqrt(outside * outside + beyond * beyond) + np.minimum(tube, 0)) * np.float32(0.85)
        return gap

    return distance
