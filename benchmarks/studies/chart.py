"""Published and own accuracies of a study's networks, side by side, as SVG text."""

import math
from collections.abc import Sequence
from html import escape

from sorter.benchmarks.studies.rows import Interval, Row

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW_PX = 720, 230, 40, 34, 40
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'
_PUBLISHED, _FLOAT, _INT8 = "#718096", "#2b6cb0", "#dd6b20"
_GRID, _INK = "#e2e8f0", "#1a202c"


def accuracy_chart(rows: Sequence[Row]) -> str:
    """One line a network: what was published, ours in floating point, ours as int8; bars are 95 % intervals."""
    drawn = [row for row in rows if row.accuracy is not None or row.published.accuracy is not None]
    if not any(row.accuracy is not None for row in drawn):
        return ""
    low = _lowest(drawn)
    bottom = _TOP + len(drawn) * _ROW_PX
    parts = [_legend(), *_grid(low, bottom)]
    for i, row in enumerate(drawn):
        y = _TOP + (i + 0.5) * _ROW_PX
        parts.append(_text(_LEFT - 14, y + 4, row.recipe, "end", _INK))
        marks = (
            ("published", row.published.accuracy, row.published_95, _PUBLISHED),
            ("float", row.accuracy, row.accuracy_95, _FLOAT),
            ("int8", row.int8_accuracy, row.int8_95, _INT8),
        )
        for offset, (name, value, interval, color) in zip((-9, 0, 9), marks, strict=True):
            if value is not None:
                parts.append(_mark(f"{row.recipe}, {name}", value, interval, y + offset, low, color))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 30}" role="img" {_FONT}>'
    return f"{head}<title>Published and own accuracy of each network</title>{''.join(parts)}</svg>"


def _lowest(rows: Sequence[Row]) -> float:
    """Where the axis begins: a whole tenth below all marks."""
    ends = [end for row in rows for end in (row.published_95, row.accuracy_95, row.int8_95) if end is not None]
    values = [v for row in rows for v in (row.published.accuracy, row.accuracy, row.int8_accuracy) if v is not None]
    return max(0.0, math.floor(10 * min([*(low for low, _ in ends), *values])) / 10)


def _x(value: float, low: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (1.0 - low or 1.0)


def _grid(low: float, bottom: float) -> list[str]:
    parts = []
    for tenth in range(round(10 * low), 11):
        x = _x(tenth / 10, low)
        parts.append(f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="{_GRID}"/>')
        parts.append(_text(x, bottom + 18, f"{tenth / 10:.0%}", "middle"))
    return parts


def _legend() -> str:
    named = (("published, on the study's photos", _PUBLISHED), ("ours", _FLOAT), ("ours as int8", _INT8))
    parts, x = [], float(_LEFT)
    for name, color in named:
        parts.append(f'<circle cx="{x:.1f}" cy="14" r="5" fill="{color}"/>{_text(x + 10, 18, name, "start")}')
        x += 34 + 7 * len(name)
    return "".join(parts)


def _mark(name: str, value: float, interval: Interval | None, y: float, low: float, color: str) -> str:
    label = f"{name}: {value:.1%}"
    bar = ""
    if interval:
        left, right = _x(interval[0], low), _x(interval[1], low)
        bar = f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="{color}" stroke-width="2"/>'
    circle = (
        f'<circle cx="{_x(value, low):.1f}" cy="{y:.1f}" r="4.5" fill="{color}"><title>{escape(label)}</title></circle>'
    )
    return bar + circle


def _text(x: float, y: float, text: str, anchor: str, color: str = "#4a5568") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
