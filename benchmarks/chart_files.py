"""Charts as files: ``.svg`` always, and ``.png`` where what draws it is installed; a device does without."""

from pathlib import Path

from sorter.files import write_bytes, write_text

_ZOOM = 2
"""Dots for each unit of a chart: 720 units become 1440 dots, enough for a slide or a chat."""

_FONT = "DejaVu Sans"
"""matplotlib brings it, so that letters are there on a machine without fonts."""


def write_chart(folder: Path, name: str, svg: str) -> None:
    """Writes ``name.svg`` and, with resvg-py, ``name.png`` on white.

    Raises:
        StorageError: They cannot be written.
    """
    write_text(folder / f"{name}.svg", svg)
    png = to_png(svg)
    if png:
        write_bytes(folder / f"{name}.png", png)


def to_png(svg: str) -> bytes | None:
    """The picture as PNG; None where resvg-py or matplotlib, whose font it takes, is not installed."""
    try:
        import resvg_py
        from matplotlib import get_data_path
    except ImportError:
        return None
    fonts = [str(Path(get_data_path()) / "fonts" / "ttf")]
    png: bytes = resvg_py.svg_to_bytes(
        svg_string=svg, zoom=_ZOOM, background="white", font_dirs=fonts, font_family=_FONT, sans_serif_family=_FONT
    )
    return png
