"""Skins and flesh of fruits: colour, relief and gloss at every visible point."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sorter.edge.simulation.shape import Bend, Distance, Surface
from sorter.edge.simulation.texture import Field, fractal, grain, sample, smoothstep

Colours = npt.NDArray[np.float32]
"""Linear-light BGR, 0..1; shape (H, W, 3), or (3,) for one colour."""


@dataclass(frozen=True)
class Skin:
    """How a surface answers to light.

    Attributes:
        albedo: (side, side, 3) colour under white light.
        relief: (side, side) height of pores and bumps, in the fruit's units.
        gloss: Strength of the highlight, 0..1.
        shininess: Exponent of the highlight: larger is smaller and sharper.
        fuzz: Bright rim of short hairs, 0..1.
    """

    albedo: Colours
    relief: Field
    gloss: float | Field
    shininess: float
    fuzz: float = 0.0


Paint = Callable[[Surface], Skin]


def colour(code: int) -> Colours:
    """Linear-light BGR of a colour written 0xRRGGBB. Gamma 2 instead of sRGB's 2.4: a square and a root are cheap."""
    bgr = np.array([code & 255, code >> 8 & 255, code >> 16 & 255], np.float32) / 255
    return (bgr * bgr).astype(np.float32)


def mix(first: Colours, second: Colours, weight: Field | float) -> Colours:
    """``first`` where ``weight`` (H, W) is 0, ``second`` where it is 1."""
    w = weight[..., None] if isinstance(weight, np.ndarray) else weight
    return first + (second - first) * w


def _vary(rng: np.random.Generator, base: Colours, amount: float = 0.12) -> Colours:
    gain = np.exp(rng.normal(0, amount, 3) * 0.5 + rng.normal(0, amount))
    return np.clip(base * gain.astype(np.float32), 0, 1).astype(np.float32)


def _around(tile: Field, s: Surface, repeats: float, rng: np.random.Generator) -> Field:
    """A tile laid on the surface from the three axes, each where the surface faces it, so that no pole pinches."""
    k = np.float32(repeats)
    wx, wy, wz = np.abs(s.x) ** 3, np.abs(s.y) ** 3, np.abs(s.z) ** 3
    total = wx + wy + wz + np.float32(1e-6)
    shifts = rng.random((3, 2))
    from_x = sample(tile, s.y * k, s.z * k, (shifts[0, 0], shifts[0, 1]))
    from_y = sample(tile, s.z * k, s.x * k, (shifts[1, 0], shifts[1, 1]))
    from_z = sample(tile, s.x * k, s.y * k, (shifts[2, 0], shifts[2, 1]))
    laid: Field = (wx * from_x + wy * from_y + wz * from_z) / total
    return laid


def _height_share(s: Surface) -> Field:
    share: Field = s.y / (np.sqrt(s.x * s.x + s.y * s.y + s.z * s.z) + np.float32(1e-6))
    return share


_APPLES = (
    # ground colour, blush colour, least and most blush
    (0xD8B04A, 0x9E1420, 0.75, 1.3),  # red
    (0xC8B848, 0x7C0C18, 0.9, 1.5),  # dark red
    (0x9CBF3C, 0xB8CC58, 0.0, 0.4),  # green
    (0xE2CC5A, 0xE8B84C, 0.0, 0.4),  # yellow
    (0xDCC454, 0xC8342C, 0.2, 0.7),  # yellow with a red cheek
    (0xA8C048, 0xB02830, 0.15, 0.6),  # green with a red cheek
)


def apple(rng: np.random.Generator, stem: Distance) -> Paint:
    """Ground colour with a striped blush on the sunny side, pale lenticels, russet cavity, brown stem."""
    ground_code, blush_code, least, most = _APPLES[rng.integers(len(_APPLES))]
    ground, blush = _vary(rng, colour(ground_code)), _vary(rng, colour(blush_code))
    cover, striped, specks = rng.uniform(least, most), rng.uniform(0.05, 0.3), rng.uniform(0.2, 0.7)
    sun = rng.normal(size=3).astype(np.float32)
    sun /= np.linalg.norm(sun)
    gloss, shininess = rng.uniform(0.25, 0.6), rng.uniform(25, 70)

    def paint(s: Surface) -> Skin:
        c = _height_share(s)
        meridian = cv2.phase(s.x, s.z) * np.float32(1 / (2 * np.pi))
        streaks = sample(grain(40), meridian * 2, c * np.float32(0.06), tuple(rng.random(2)))
        clouds = _around(fractal(1.4), s, 0.25, rng)
        facing = s.x * sun[0] + s.y * sun[1] + s.z * sun[2]
        red = smoothstep(0.0, 0.9, cover + 0.55 * facing + striped * streaks + 0.15 * clouds - 0.5 * (c > 2))
        albedo = mix(ground, blush, red * (1 - 0.8 * smoothstep(0.9, 0.99, c)))
        dots = smoothstep(1.7, 2.6, _around(grain(90), s, 0.55, rng))
        albedo = mix(albedo, colour(0xE8D8A0), dots * np.float32(specks * 0.6))
        albedo = mix(albedo, colour(0x8A7A40), smoothstep(0.93, 0.995, c) * np.float32(0.75))
        albedo = mix(albedo, colour(0x3A2A18), smoothstep(-0.985, -0.996, c) * np.float32(0.9))
        wood = smoothstep(0.03, 0.01, stem(s.x, s.y, s.z))
        albedo = mix(albedo, colour(0x5A3D22), wood)
        relief = clouds * np.float32(0.004) + dots * np.float32(0.002)
        return Skin(albedo, relief, gloss * (1 - wood), shininess)

    return paint


def orange(rng: np.random.Generator) -> Paint:
    """Pored peel from yellow-orange to red-orange, with the green-brown star of its button."""
    peel = mix(colour(0xF2A01E), colour(0xE8640C), rng.random())
    if rng.random() < 0.15:
        peel = mix(peel, colour(0xB8A830), rng.uniform(0.2, 0.45))
    peel, depth = _vary(rng, peel, 0.08), rng.uniform(0.006, 0.013)
    pores_per_side, gloss = rng.uniform(0.5, 0.75), rng.uniform(0.2, 0.5)
    button = colour(0x6B6A30) if rng.random() < 0.6 else colour(0x7A5A30)

    def paint(s: Surface) -> Skin:
        c = _height_share(s)
        pores = _around(grain(48, 0.25), s, pores_per_side, rng)
        clouds = _around(fractal(1.5), s, 0.2, rng)
        albedo = peel * np.exp(clouds * np.float32(0.07) + np.minimum(pores, 0.5) * np.float32(0.07))[..., None]
        star = np.float32(0.006) * np.cos(5 * cv2.phase(s.x, s.z)).astype(np.float32)
        albedo = mix(albedo, colour(0xB89A3C), smoothstep(0.95, 0.995, c) * np.float32(0.5))
        albedo = mix(albedo, button, smoothstep(0.978, 0.986, c + star))
        albedo = mix(albedo, colour(0x8A5A20), smoothstep(-0.99, -0.997, c) * np.float32(0.7))
        return Skin(albedo, np.minimum(pores, 0.8) * np.float32(depth), gloss, 24)

    return paint


def lemon(rng: np.random.Generator) -> Paint:
    """Bright yellow, finely pored, sometimes with a green end."""
    peel = _vary(rng, mix(colour(0xF6D82C), colour(0xE8BE1C), rng.random()), 0.07)
    green = rng.uniform(0.2, 0.8) if rng.random() < 0.3 else 0.0
    depth, gloss = rng.uniform(0.004, 0.009), rng.uniform(0.25, 0.55)

    def paint(s: Surface) -> Skin:
        pores = _around(grain(42, 0.3), s, 0.6, rng)
        clouds = _around(fractal(1.5), s, 0.2, rng)
        albedo = peel * np.exp(clouds * np.float32(0.05) + np.minimum(pores, 0.4) * np.float32(0.05))[..., None]
        unripe = smoothstep(0.2, 0.95, s.y + 0.12 * clouds) * np.float32(green)
        albedo = mix(albedo, colour(0x8FB030), unripe)
        flat = np.sqrt(s.x * s.x + s.z * s.z)
        albedo = mix(albedo, colour(0x6A5A20), smoothstep(0.09, 0.05, flat) * (s.y < 0) * np.float32(0.9))
        albedo = mix(albedo, colour(0x9A8A28), smoothstep(0.06, 0.02, flat) * (s.y > 0) * np.float32(0.7))
        return Skin(albedo, np.minimum(pores, 0.7) * np.float32(depth), gloss, 28)

    return paint


def kiwi(rng: np.random.Generator, cut: float | None) -> Paint:
    """Brown felt; where it is cut, green flesh with a pale core, rays and a ring of seeds."""
    felt = _vary(rng, mix(colour(0x7A5E34), colour(0x5E4626), rng.random()), 0.12)
    flesh = _vary(rng, mix(colour(0x8CB82C), colour(0x6E9A20), rng.random()), 0.1)
    fuzz = rng.uniform(0.15, 0.4)

    def paint(s: Surface) -> Skin:
        hairs = _around(grain(120, 0.5), s, 0.5, rng)
        clouds = _around(fractal(1.2), s, 0.3, rng)
        albedo = felt * np.exp(hairs * np.float32(0.16) + clouds * np.float32(0.16))[..., None]
        flat = np.sqrt(s.x * s.x + s.z * s.z)
        albedo = mix(albedo, colour(0x3A2A18), smoothstep(0.12, 0.07, flat) * (np.abs(s.y) > 0.6) * np.float32(0.8))
        relief = hairs * np.float32(0.008)
        if cut is None:
            return Skin(albedo, relief, 0.03, 8, fuzz)
        inside = smoothstep(0.9, 0.97, s.own_normal_y)
        albedo = mix(albedo, _kiwi_flesh(s, flesh, flat, rng), inside)
        return Skin(albedo, relief * (1 - inside), inside * np.float32(0.3), 40, fuzz)

    return paint


def _kiwi_flesh(s: Surface, flesh: Colours, flat: Field, rng: np.random.Generator) -> Colours:
    turn = cv2.phase(s.x, s.z) * np.float32(1 / (2 * np.pi))
    rays = sample(grain(26), turn, flat * np.float32(0.05), tuple(rng.random(2)))
    albedo = mix(flesh, colour(0xC8D87C), smoothstep(0.3, 1.6, rays) * smoothstep(0.62, 0.25, flat) * np.float32(0.7))
    albedo = mix(albedo, colour(0xE8E8C0), smoothstep(0.2, 0.13, flat + 0.015 * rays))
    sown = np.cos(turn * np.float32(2 * np.pi * 26)) * np.cos((flat - 0.29) * np.float32(38))
    seeds = smoothstep(0.45, 0.7, sown.astype(np.float32)) * smoothstep(0.16, 0.2, flat) * smoothstep(0.42, 0.37, flat)
    return mix(albedo, colour(0x141008), seeds)


def avocado(rng: np.random.Generator, whole: Distance, cut: bool) -> Paint:
    """Pebbled skin from green to nearly black; where it is cut, buttery flesh, green at the rim, and the stone.

    Args:
        rng: Chooses.
        whole: The shape before it was cut.
        cut: Whether it was.
    """
    ripe = rng.random()
    skin = _vary(rng, mix(colour(0x4E6A28), colour(0x2A2420), ripe * ripe * (3 - 2 * ripe)), 0.1)
    pebbles, depth, gloss = rng.uniform(0.45, 0.7), rng.uniform(0.008, 0.022), rng.uniform(0.12, 0.4)

    def paint(s: Surface) -> Skin:
        bumps = _around(grain(34, 0.3), s, pebbles, rng)
        clouds = _around(fractal(1.5), s, 0.3, rng)
        albedo = mix(skin, colour(0x6E7C3A), smoothstep(0.6, 2.2, bumps + 0.5 * clouds) * np.float32(0.35))
        albedo = albedo * np.exp(clouds * np.float32(0.15))[..., None]
        flat = np.sqrt(s.x * s.x + s.z * s.z)
        albedo = mix(albedo, colour(0x7A5A34), smoothstep(0.09, 0.06, flat) * (s.y > 0.5))
        relief = bumps * np.float32(depth)
        if not cut:
            return Skin(albedo, relief, gloss, 22)
        rim = -whole(s.x, s.y, s.z) + np.float32(0.01) * clouds
        centre = np.sqrt(s.x * s.x + s.z * s.z + (s.y + 0.3) ** 2)
        inside = np.maximum(smoothstep(0.01, 0.03, rim) * smoothstep(-0.3, -0.28, s.z), smoothstep(0.0, 0.03, s.z))
        albedo = mix(albedo, _avocado_flesh(s, rim, centre, clouds), inside)
        return Skin(albedo, relief * (1 - inside), gloss * (1 - 0.4 * inside), 22)

    return paint


def _avocado_flesh(s: Surface, rim: Field, centre: Field, clouds: Field) -> Colours:
    albedo = mix(colour(0x7C9A34), colour(0xE6DC8A), smoothstep(0.03, 0.2, rim))
    hollow = smoothstep(0.32, 0.27, centre) * smoothstep(-0.02, -0.05, s.z)
    albedo = mix(albedo, colour(0xC8B468), hollow)
    stone = smoothstep(0.01, 0.03, s.z) * smoothstep(0.4, 0.34, centre)
    return mix(albedo, colour(0x7A4620) * np.exp(clouds * np.float32(0.12))[..., None], stone)


def banana(rng: np.random.Generator, bend: Bend) -> Paint:
    """Green to yellow to freckled brown, ribs a shade darker, dark tip and stalk end."""
    age = rng.random()  # 0 unripe, 1 spotted all over
    ripe = mix(colour(0x8CB43C), colour(0xF0CC3A), float(np.clip(age * 3.5, 0, 1)))
    peel = _vary(rng, mix(ripe, colour(0xD09A34), float(np.clip(age * 2 - 1.4, 0, 1))), 0.07)
    freckles, bruises = min(max(age * 2.2 - 0.9, 0.0), 1.0), min(max(age * 2.5 - 1.4, 0.0), 1.0)
    green_ends, gloss = rng.uniform(0.1, 0.8) * (age < 0.6), rng.uniform(0.08, 0.25)

    def paint(s: Surface) -> Skin:
        u, across = bend.axes(s.x, s.y)
        clouds = _around(fractal(1.4), s, 0.3, rng)
        around = cv2.phase(across, s.z) * np.float32(1 / (2 * np.pi))
        strands = sample(grain(60), around, u * np.float32(0.05), tuple(rng.random(2)))
        albedo = peel * np.exp(clouds * np.float32(0.06) + strands * np.float32(0.02))[..., None]
        albedo = mix(albedo, colour(0x8FB040), smoothstep(0.55, 0.95, np.abs(u)) * np.float32(green_ends))
        edges = np.cos(around * np.float32(10 * np.pi))
        albedo = albedo * (1 - 0.16 * smoothstep(0.8, 1.0, edges))[..., None]
        spots = smoothstep(2.3 - 1.5 * freckles, 2.9 - 1.5 * freckles, _around(grain(50, 0.6), s, 0.6, rng))
        stains = smoothstep(1.9 - bruises, 2.3 - bruises, clouds)
        brown = np.maximum(spots * (freckles > 0), stains * (bruises > 0))
        albedo = mix(albedo, colour(0x4A2E14), brown * np.float32(0.85))
        ends = np.maximum(smoothstep(-0.93, -0.97, u), smoothstep(0.95, 0.99, u))
        albedo = mix(albedo, colour(0x33241A), ends * np.float32(0.9))
        return Skin(albedo, clouds * np.float32(0.004) + strands * np.float32(0.0015), gloss, 18)

    return paint
