"""Charts as SVG text, drawn without any library: a device has none."""

import math
from collections.abc import Callable, Sequence
from html import escape

from sorter.benchmarks.pareto import Point

_WIDTH, _HEIGHT = 720, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 20, 56
_FONT = 'font-family="system-ui, sans-serif"'
_CHARACTER_PX, _LINE_PX = 7.4, 16

_FRONT, _DOMINATED = "#2b6cb0", "#a0aec0"
_LOG_FROM = 6.0
"""Where the slowest model takes more than so many times as long as the fastest, the axis is logarithmic."""

Scale = Callable[[float], float]
Box = tuple[float, float, float, float]


def pareto_chart(points: Sequence[Point]) -> str:
    """Latency and accuracy of models; the area of a bubble is the size of the file, dominated models are grey."""
    if not points:
        return ""
    latencies = [point.p50_ms for point in points]
    x, x_ticks = _latency_scale(min(latencies), max(latencies))
    y, y_ticks = _accuracy_scale([point.accuracy for point in points])
    largest = max(point.model.bytes or 1 for point in points)
    radii = [5 + 17 * math.sqrt((point.model.bytes or 1) / largest) for point in points]
    parts = [_axes(x, x_ticks, y, y_ticks), _front_line(points, x, y)]
    bubbles = [(x(p.p50_ms), y(p.accuracy), radius) for p, radius in zip(points, radii, strict=True)]
    # Large bubbles first, so that a small one in front of them can be seen.
    for i in sorted(range(len(points)), key=lambda i: -radii[i]):
        parts.append(_bubble(points[i], *bubbles[i]))
    parts += _labels(points, bubbles)
    return svg(_WIDTH, _HEIGHT, parts, "Latency and accuracy of each model")


def time_line_chart(parts: Sequence[tuple[str, float, float]]) -> str:
    """Parts of a way, one below the other, each as (name, begin, end) in milliseconds."""
    row_px, left = 30, 150
    total = max((end for _, _, end in parts), default=0.0) or 1.0
    span = _WIDTH - left - 90
    drawn = []
    for i, (name, begin, end) in enumerate(parts):
        y, x = 10 + i * row_px, left + span * begin / total
        width = max(1.5, span * (end - begin) / total)
        drawn.append(text(left - 10, y + 15, name, "end"))
        drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="20" rx="3" fill="{_FRONT}"/>')
        drawn.append(text(x + width + 6, y + 15, f"{end - begin:.2f} ms", "start"))
    return svg(_WIDTH, 14 + len(parts) * row_px, drawn, "The way of one object, stage after stage")


def svg(width: int, height: int, parts: Sequence[str], title: str) -> str:
    """A whole picture, of its parts."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" {_FONT} font-size="13">'
    return f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>"


def _latency_scale(low: float, high: float) -> tuple[Scale, list[float]]:
    span = _WIDTH - _LEFT - _RIGHT
    if high / low > _LOG_FROM:
        low, high = low / 1.35, high * 1.35
        width = math.log(high / low)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
        return lambda ms: _LEFT + span * math.log(ms / low) / width, [t for t in ticks if low <= t <= high]
    high *= 1.12
    return lambda ms: _LEFT + span * ms / high, _round_ticks(0.0, high)


def _accuracy_scale(accuracies: Sequence[float]) -> tuple[Scale, list[float]]:
    margin = max(0.02, 0.18 * (max(accuracies) - min(accuracies)))
    low, high = max(0.0, min(accuracies) - margin), min(1.0, max(accuracies) + margin)
    span = _HEIGHT - _TOP - _BOTTOM - 24

    def place(share: float) -> float:
        return _HEIGHT - _BOTTOM - 12 - span * (share - low) / (high - low)

    return place, _round_ticks(low, high)


def _round_ticks(low: float, high: float) -> list[float]:
    """About five round numbers between two numbers."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _axes(x: Scale, x_ticks: Sequence[float], y: Scale, y_ticks: Sequence[float]) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    digits = 1 if len(y_ticks) > 1 and (y_ticks[1] - y_ticks[0]) < 0.0099 else 0
    parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#4a5568"/>']
    for tick in x_ticks:
        parts.append(f'<path d="M{x(tick):.1f} {_TOP}V{bottom}" stroke="#edf2f7"/>')
        parts.append(text(x(tick), bottom + 18, f"{tick:g}", "middle"))
    for tick in y_ticks:
        parts.append(f'<path d="M{_LEFT} {y(tick):.1f}H{right}" stroke="#edf2f7"/>')
        parts.append(text(_LEFT - 8, y(tick) + 4, f"{tick:.{digits}%}", "end"))
    parts.append(text((_LEFT + right) / 2, _HEIGHT - 14, "milliseconds for one frame (median)", "middle"))
    middle = (_TOP + bottom) / 2
    parts.append(f'<g transform="rotate(-90 16 {middle})">{text(16, middle, "accuracy", "middle")}</g>')
    return "".join(parts)


def _front_line(points: Sequence[Point], x: Scale, y: Scale) -> str:
    places = [(x(p.p50_ms), y(p.accuracy)) for p in points if not p.dominated_by]
    steps = "".join(f"H{px:.1f}V{py:.1f}" for px, py in places[1:])
    start = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    return f'<path d="{start}{steps}H{_WIDTH - _RIGHT}" fill="none" stroke="{_FRONT}" stroke-dasharray="4 4"/>'


def _bubble(point: Point, x: float, y: float, radius: float) -> str:
    color = _DOMINATED if point.dominated_by else _FRONT
    title = f"{point.model.model}: {point.p50_ms:.2f} ms, {point.accuracy:.1%}, {(point.model.bytes or 0) / 1e6:.2f} MB"
    circle = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{color}" fill-opacity=".55" stroke="{color}">'
    return f"{circle}<title>{escape(title)}</title></circle>"


def _labels(points: Sequence[Point], bubbles: Sequence[tuple[float, float, float]]) -> list[str]:
    """Names beside their bubbles, each where it covers the least of what is there already."""
    taken: list[Box] = [(x - r, y - r, x + r, y + r) for x, y, r in bubbles]
    parts = []
    # The front is what people look for: its names get the best places.
    for i in sorted(range(len(points)), key=lambda i: bool(points[i].dominated_by)):
        point, (x, y, radius) = points[i], bubbles[i]
        name = point.model.model.removesuffix(".tflite")
        width = len(name) * _CHARACTER_PX
        left, base = min(_places(x, y, radius, width), key=lambda place: _cost(place, (x, y), width, taken))
        taken.append((left, base - _LINE_PX + 3, left + width, base + 3))
        color = "#718096" if point.dominated_by else "#1a202c"
        if abs(base - 4 - y) > _LINE_PX:
            end = min(max(x, left), left + width)
            parts.append(f'<path d="M{x:.1f} {y:.1f}L{end:.1f} {base - 4:.1f}" stroke="{_DOMINATED}"/>')
        parts.append(text(left, base, name, "start", color))
    return parts


def _places(x: float, y: float, radius: float, width: float) -> list[tuple[float, float]]:
    """Where a name may begin: right or left of its bubble, above or below it, farther away if need be."""
    found = []
    for shift in range(0, 9 * _LINE_PX, _LINE_PX):
        for left in (x + radius + 4, x - radius - 4 - width, x - width / 2):
            found += [(left, y + 4 + shift), (left, y + 4 - shift)]
    return found


def _cost(place: tuple[float, float], centre: tuple[float, float], width: float, taken: Sequence[Box]) -> float:
    left, base = place
    box = (left, base - _LINE_PX + 3, left + width, base + 3)
    outside = max(0.0, _LEFT - left) + max(0.0, box[2] - _WIDTH) + max(0.0, _TOP - box[1])
    outside += max(0.0, box[3] - (_HEIGHT - _BOTTOM))
    distance = abs(left + width / 2 - centre[0]) / 4 + abs(base - 4 - centre[1])
    return 1000 * outside + 5 * sum(_overlap(box, other) for other in taken) + distance


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def text(x: float, y: float, words: str, anchor: str, color: str = "#4a5568") -> str:
    """Words at a place; ``anchor`` is ``start``, ``middle`` or ``end``."""
    halo = 'paint-order="stroke" stroke="#fff" stroke-width="3"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" {halo}>{escape(words)}</text>'
