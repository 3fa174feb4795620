"""What became of the objects at each speed, as bars: SVG text, drawn without any library."""

from collections.abc import Mapping, Sequence

from sorter.benchmarks.charts import svg, text

COLORS = {
    "right": "#2f855a",
    "rejected": "#a0aec0",
    "wrong": "#dd6b20",
    "missed": "#9b2c2c",
    "doubled": "#553c9a",
}
"""The fates from the bottom of a bar to its top, each in its colour."""

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 10, 44, 52


def fate_chart(speeds: Sequence[tuple[str, Mapping[str, int], bool]]) -> str:
    """Stacked bars.

    Args:
        speeds: Name of each speed, objects by fate, and whether the speed holds.
    """
    most = max((sum(counts[name] for name in COLORS) for _, counts, _ in speeds), default=1) or 1
    span_px = _HEIGHT - _TOP - _BOTTOM
    step_px = (_WIDTH - _LEFT - _RIGHT) / max(1, len(speeds))
    parts = [_axis(most, span_px), _legend()]
    for i, (name, counts, holds) in enumerate(speeds):
        x, width = _LEFT + (i + 0.15) * step_px, min(0.7 * step_px, 90)
        parts.append(_bar(x, width, counts, span_px / most))
        mark = "" if holds else " breaks"
        parts.append(text(x + width / 2, _HEIGHT - _BOTTOM + 18, name + mark, "middle"))
    parts.append(text((_LEFT + _WIDTH) / 2, _HEIGHT - 10, "objects that come in a minute", "middle"))
    return svg(_WIDTH, _HEIGHT, parts, "What became of the objects at each speed")


def _bar(x: float, width: float, counts: Mapping[str, int], px_each: float) -> str:
    bottom, parts = float(_HEIGHT - _BOTTOM), []
    for name, color in COLORS.items():
        height = counts[name] * px_each
        if height:
            bottom -= height
            parts.append(
                f'<rect x="{x:.1f}" y="{bottom:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}">'
                f"<title>{counts[name]} {name}</title></rect>"
            )
        if height > 14:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{bottom + height / 2 + 5:.1f}" text-anchor="middle" '
                         f'fill="#fff">{counts[name]}</text>')  # fmt: skip
    return "".join(parts)


def _axis(most: int, span_px: float) -> str:
    bottom = _HEIGHT - _BOTTOM
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if size * 6 >= most)
    lines = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{_WIDTH - _RIGHT}" fill="none" stroke="#4a5568"/>']
    for count in range(0, most + 1, step):
        y = bottom - span_px * count / most
        lines.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="#edf2f7"/>')
        lines.append(text(_LEFT - 8, y + 4, str(count), "end"))
    return "".join(lines)


def _legend() -> str:
    parts, x = [], float(_LEFT)
    for name, color in COLORS.items():
        parts.append(f'<rect x="{x:.0f}" y="12" width="13" height="13" fill="{color}"/>')
        parts.append(text(x + 19, 23, name, "start"))
        x += 44 + 8 * len(name)
    return "".join(parts)
