"""Grounds on which objects lie: belt, wood, cloth, paper, metal, plastic."""

from collections.abc import Callable

import cv2
import numpy as np

from sorter.edge.simulation.light import Light, encode
from sorter.edge.simulation.skin import Colours, colour, mix
from sorter.edge.simulation.texture import Field, cut, fibre, fractal, grain, smoothstep
from sorter.image import Pixels

Size = tuple[int, int]
"""(width, height) in pixels."""

_BELTS = (0x2A2C2E, 0x3A3D40, 0x1F4A3A, 0x24507A, 0x54585A, 0xD8D8D2, 0x6B6F60)
_WOODS = ((0xC89A62, 0x8A5E34), (0xA87848, 0x5E3C20), (0xDCC090, 0xB08A58), (0x6E4A2E, 0x3A2416))
_CLOTHS = (0x8E2F3A, 0x3A5A8C, 0xE6E0D2, 0x5A6A4A, 0x2E2E36, 0xB8A888, 0x7A6A90, 0xC8B070)
_PLASTICS = (0xE8E8E8, 0x3E8E5A, 0xC83C34, 0x2C62B0, 0xE8C83C, 0x8A8E92, 0x1E1E20, 0x7AB0C8)


def render_background(rng: np.random.Generator, size: Size, light: Light) -> Pixels:
    """Draws one ground, lit by ``light``.

    Args:
        rng: Chooses kind, colour and pattern.
        size: (width, height) in pixels.
        light: Lamp that makes one side brighter.

    Returns:
        uint8 BGR (height, width, 3).
    """
    kinds: tuple[Callable[[np.random.Generator, Size], Colours], ...] = (_belt, _wood, _cloth, _paper, _metal, _plastic)
    albedo = kinds[rng.integers(len(kinds))](rng, size)
    return encode(albedo * _falloff(rng, size, light)[..., None] * (light.lamp * light.direction[2] + light.ambient))


def _falloff(rng: np.random.Generator, size: Size, light: Light) -> Field:
    """Brighter on the lamp's side, darker in the corners."""
    across, down = _grid(size)
    slope = rng.uniform(0.0, 0.35)
    corner = rng.uniform(0.0, 0.18)
    towards = across * light.direction[0] + down * light.direction[1]
    falloff: Field = (1 + slope * towards - corner * (across * across + down * down)).astype(np.float32)
    return falloff


def _grid(size: Size) -> tuple[Field, Field]:
    """Columns and rows, -1..1 along the longer side."""
    width, height = size
    longest = max(width, height)
    columns = (np.arange(width, dtype=np.float32) * 2 - width) / np.float32(longest)
    rows = (np.arange(height, dtype=np.float32) * 2 - height) / np.float32(longest)
    return columns[None, :] + 0 * rows[:, None], rows[:, None] + 0 * columns[None, :]


def _scale(size: Size) -> float:
    return max(size) / 320


def _shaken(base: Colours, rng: np.random.Generator) -> Colours:
    gain = np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.06, 3)).astype(np.float32)
    shaken: Colours = np.clip(base * gain, 0.004, 0.95).astype(np.float32)
    return shaken


def _stained(base: Colours, field: Field, amount: float) -> Colours:
    stained: Colours = base * np.exp(field * np.float32(amount))[..., None]
    return stained


def _turned(field: Field, rng: np.random.Generator) -> Field:
    """Flips and, where the shape allows, turns a pattern."""
    if rng.random() < 0.5:
        field = field[:, ::-1]
    return field


def _waves(size: Size, rng: np.random.Generator, period_px: float, angle: float) -> Field:
    across, down = _grid(size)
    turns = max(size) / (2 * period_px) * 2 * np.pi
    along = across * np.float32(np.cos(angle) * turns) + down * np.float32(np.sin(angle) * turns)
    return np.sin(along + np.float32(rng.uniform(0, 6.3)))


def _belt(rng: np.random.Generator, size: Size) -> Colours:
    base = _shaken(colour(_BELTS[rng.integers(len(_BELTS))]), rng)
    scale, angle = _scale(size), rng.choice([0, np.pi / 2]) + rng.normal(0, 0.03)
    weave = _waves(size, rng, rng.uniform(4, 9) * scale, angle) * _waves(
        size, rng, rng.uniform(4, 9) * scale, angle + 1.57
    )
    dust = cut(fractal(1.2), size, rng, scale)
    rubber = cut(grain(120), size, rng, scale)
    return _stained(base, weave * rng.uniform(0, 0.12) + dust * 0.08 + rubber * 0.06, 1.0)


def _wood(rng: np.random.Generator, size: Size) -> Colours:
    light_code, dark_code = _WOODS[rng.integers(len(_WOODS))]
    scale = _scale(size)
    upright = rng.random() < 0.5
    drawn = size if upright else size[::-1]
    fibres = cut(fibre(18), drawn, rng, scale * rng.uniform(0.8, 1.6))
    across, _ = _grid(drawn)
    boards = across * np.float32(rng.uniform(0.8, 2.5)) + np.float32(rng.random())
    tone = np.floor(boards) * np.float32(1.7)
    seams = smoothstep(0.02, 0.0, boards - np.floor(boards))
    weight = smoothstep(-2.2, 2.2, fibres + 0.6 * np.sin(tone))
    albedo = mix(_shaken(colour(light_code), rng), colour(dark_code), weight) * (1 - 0.7 * seams)[..., None]
    return albedo if upright else albedo.transpose(1, 0, 2)


def _cloth(rng: np.random.Generator, size: Size) -> Colours:
    base = _shaken(colour(_CLOTHS[rng.integers(len(_CLOTHS))]), rng)
    scale, angle = _scale(size), rng.uniform(0, np.pi)
    threads = _waves(size, rng, 2.6 * scale, angle) + _waves(size, rng, 2.6 * scale, angle + 1.57)
    folds = _turned(cut(fractal(2.4), size, rng, scale * 1.5), rng)
    albedo = _stained(base, threads * 0.07 + folds * rng.uniform(0.03, 0.16), 1.0)
    if rng.random() < 0.4:
        second = _shaken(colour(_CLOTHS[rng.integers(len(_CLOTHS))]), rng)
        period = rng.uniform(18, 60) * scale
        checks = smoothstep(-0.1, 0.1, _waves(size, rng, period, angle)) * np.float32(0.5)
        if rng.random() < 0.6:
            checks = checks + smoothstep(-0.1, 0.1, _waves(size, rng, period, angle + 1.57)) * np.float32(0.5)
        albedo = mix(albedo, albedo * 0.3 + second * 0.7, checks)
    return albedo


def _paper(rng: np.random.Generator, size: Size) -> Colours:
    base = _shaken(mix(colour(0xF0EEE8), colour(0xB89468), rng.random() ** 2), rng)
    scale = _scale(size)
    pulp = cut(grain(90, 0.6), size, rng, scale)
    creases = cut(fractal(2.2), size, rng, scale * 2)
    return _stained(base, pulp * 0.025 + creases * rng.uniform(0.0, 0.05), 1.0)


def _metal(rng: np.random.Generator, size: Size) -> Colours:
    base = _shaken(mix(colour(0xB8BABC), colour(0x6A6E72), rng.random()), rng)
    brushed = _turned(cut(fibre(60), size, rng, _scale(size)), rng)
    across, down = _grid(size)
    angle = rng.uniform(0, 2 * np.pi)
    sheen = np.cos((across * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle))) * 3 + rng.uniform(0, 6.3))
    return _stained(base, (brushed * 0.07 + sheen * rng.uniform(0.05, 0.3)).astype(np.float32), 1.0)


def _plastic(rng: np.random.Generator, size: Size) -> Colours:
    base = _shaken(colour(_PLASTICS[rng.integers(len(_PLASTICS))]), rng)
    scale = _scale(size)
    haze = cv2.GaussianBlur(cut(fractal(2.0), size, rng, scale * 3), (0, 0), 3 * scale)
    return _stained(base, haze * 0.06 + cut(grain(150), size, rng, scale) * 0.015, 1.0)
