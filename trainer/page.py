"""One self-contained HTML page: no scripts, no links, pictures inside. Reads well on a phone and on paper."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from sorter.files import write_text

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a202c; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.lead, .note { color: #4a5568; margin-top: .2rem; } .lead { overflow-wrap: anywhere; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.5rem 0; }
.figures div { background: #edf2f7; border-radius: .5rem; padding: .7rem 1.1rem; }
.figures b { display: block; font-size: 1.5rem; } .figures span { color: #4a5568; font-size: .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #e2e8f0; }
th { text-align: left; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.v { overflow-wrap: anywhere; } tr.sum td { border-top: 2px solid #a0aec0; }
table.confusion th, table.confusion td { padding: .3rem .5rem; border: 1px solid #e2e8f0; font-weight: normal; }
table.confusion td { text-align: center; min-width: 2.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
table.confusion td small { display: block; font-size: .72rem; opacity: .85; }
table.confusion th.corner { color: #4a5568; font-size: .85rem; white-space: nowrap; }
table.confusion tr.head th { vertical-align: bottom; } table.confusion.many tr.head th:not(.corner) span {
  writing-mode: vertical-rl; transform: rotate(180deg); }
img { max-width: 100%; height: auto; display: block; }
.plot { margin: .5rem 0; } .plot.narrow { max-width: min(34rem, 100%); }
.gallery { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(var(--tile), 100%), 1fr)); }
.gallery figure { margin: 0; } .gallery img { width: 100%; border-radius: .3rem; }
.gallery figcaption { font-size: .85rem; line-height: 1.35; margin-top: .3rem; overflow-wrap: anywhere; }
.gallery figcaption small { color: #718096; display: block; }
@media (max-width: 30rem) { body { margin-top: 1rem; } .figures { gap: .6rem; } .figures div { flex: 1 1 40%; }
  th, td { padding-right: .6rem; } table.confusion th, table.confusion td { padding: .2rem .3rem; }
  table.confusion td { min-width: 2.1rem; } table.confusion th.corner { white-space: normal; } }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } h2 { break-after: avoid; }
  .note { break-after: avoid; } figure, tr, .plot, .figures div, table.confusion { break-inside: avoid; }
  .scroll { overflow: visible; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of a page: its heading, or none, and its HTML."""

    title: str
    html: str


@dataclass(frozen=True)
class Tile:
    """A picture of a gallery.

    Attributes:
        jpeg: The encoded picture.
        caption: What it shows.
        remark: A smaller line below.
    """

    jpeg: bytes
    caption: str
    remark: str


def write_page(title: str, lead: str, sections: Iterable[Section], path: Path) -> None:
    """Writes a page; sections without content are left out.

    Raises:
        StorageError: It cannot be written.
    """
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="lead">{escape(lead)}</p>']
    for section in sections:
        if section.html:
            parts.append((f"<h2>{escape(section.title)}</h2>\n" if section.title else "") + section.html)
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(parts)
    write_text(path, f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n')


def note(text: str) -> str:
    """A paragraph of explanation."""
    return f'<p class="note">{escape(text)}</p>'


def figure_boxes(figures: Iterable[tuple[str, str]]) -> str:
    """Large figures, as (value, meaning)."""
    boxes = (f"<div><b>{escape(value)}</b><span>{escape(meaning)}</span></div>" for value, meaning in figures)
    return f'<div class="figures">{"".join(boxes)}</div>'


def fact_table(facts: Iterable[tuple[str, str]]) -> str:
    """Rows of (name, value)."""
    rows = (f'<tr><th>{escape(name)}</th><td class="v">{escape(value)}</td></tr>' for name, value in facts)
    return f"<table>{''.join(rows)}</table>"


def plot(path: Path, wide: bool = False) -> str:
    """A PNG file, put into the page; nothing where it does not exist."""
    if not path.is_file():
        return ""
    kind = "plot" if wide else "plot narrow"
    return f'<img class="{kind}" alt="{escape(path.stem)}" src="{_data_uri("png", path.read_bytes())}">'


def gallery(tiles: Sequence[Tile], tile_rem: float) -> str:
    """Pictures beside each other, each at least so wide; nothing where there are none."""
    if not tiles:
        return ""
    figures = (
        f'<figure><img alt="{escape(tile.caption)}" src="{_data_uri("jpeg", tile.jpeg)}">'
        f"<figcaption>{escape(tile.caption)}<small>{escape(tile.remark)}</small></figcaption></figure>"
        for tile in tiles
    )
    return f'<div class="gallery" style="--tile: {tile_rem}rem">{"".join(figures)}</div>'


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
