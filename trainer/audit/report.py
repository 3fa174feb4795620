"""The audit as a page: findings with their photos, shortcuts, and what each class looks like."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np

from sorter.image import Pixels
from sorter.trainer.audit.examination import SMALL_PX
from sorter.trainer.audit.findings import Finding, Item, Severity, plural
from sorter.trainer.audit.inquiry import Audit
from sorter.trainer.audit.measures import CENTRE
from sorter.trainer.audit.sheets import arrange, choose_samples, encode_jpeg, enlarge, read_tiles
from sorter.trainer.audit.shortcuts import FOLDS, TREES, Answer
from sorter.trainer.page import Section, Tile, fact_table, figure_boxes, gallery, note, write_page

REPORT_NAME = "audit.html"

_SHOWN = 18
"""Items of a finding that are shown as pictures."""

_WITHOUT_PICTURES = frozenset({"unreadable", "unused-files"})
_LISTED = 100
"""Items of these that are named."""

_SHOWN_BESIDE = 4
"""Photos of one item that are shown."""

_TILE_PX = 200
_SAMPLE_PX, _SAMPLE_COLUMNS, _SAMPLES = 84, 6, 24
_AVERAGE_PX = 160
_MASK_GREY = 226

_WORDS: dict[Severity, str] = {"serious": "Serious", "advice": "Worth a look", "note": "Good to know"}
_COLORS: dict[Severity, str] = {"serious": "#c53030", "advice": "#b7791f", "note": "#2b6cb0"}


def write_audit_page(audit: Audit, seed: int, path: Path) -> None:
    """Writes the page.

    Raises:
        StorageError: It cannot be written.
    """
    sections = [
        Section("", figure_boxes(_figures(audit))),
        *(Section(_title(finding), _finding(finding)) for finding in audit.findings),
        Section("Can the class be told without the object?", _shortcuts(audit)),
        Section("The average photo of each class", _averages(audit.average_pictures())),
        Section("Some photos of each class", _samples(audit, seed)),
        Section("How it was made", fact_table(_facts(audit, seed))),
    ]
    write_page(f"Audit of {audit.name}", summarize(audit), sections, path)


def summarize(audit: Audit) -> str:
    """The audit in one sentence."""
    if not audit.findings:
        return "Nothing to complain of was found."
    counts = audit.count()
    return f"Found {counts['serious']} serious, {counts['advice']} worth a look, {counts['note']} good to know."


def _figures(audit: Audit) -> list[tuple[str, str]]:
    counts = audit.dataset.count()
    smallest = min(counts, key=lambda label: counts[label])
    return [
        (str(len(audit.dataset.photos)), "photos"),
        (str(len(np.unique(audit.groups))), "different ones"),
        (str(len(audit.dataset.labels)), "classes"),
        (str(counts[smallest]), f"in the smallest, {smallest}"),
    ]


def _title(finding: Finding) -> str:
    return f"{_WORDS[finding.severity]}: {finding.message}"


def _finding(finding: Finding) -> str:
    if finding.kind in _WITHOUT_PICTURES:
        lines = "".join(f"<li>{escape(_name(item))}</li>" for item in finding.items[:_LISTED])
        return f"{_mark(finding.severity, finding.hint)}<ul>{lines}</ul>{_rest(finding, _LISTED)}"
    shown = finding.items[:_SHOWN]
    beside = min(_SHOWN_BESIDE, max((len(item.photos) for item in shown), default=1))
    pictures = gallery([_tile(item) for item in shown], 9.5 * beside)
    return _mark(finding.severity, finding.hint) + pictures + _rest(finding, _SHOWN)


def _rest(finding: Finding, shown: int) -> str:
    rest = len(finding.items) - shown
    return note(f"And {rest} more; audit.json lists them.") if rest > 0 else ""


def _name(item: Item) -> str:
    return f"{item.photos[0].filename}: {item.remark}"


def _mark(severity: Severity, text: str) -> str:
    style = f"border-left: .3rem solid {_COLORS[severity]}; padding-left: .7rem"
    return f'<p style="{style}">{escape(text)}</p>'


def _tile(item: Item) -> Tile:
    photos = item.photos[:_SHOWN_BESIDE]
    jpeg = encode_jpeg(arrange(read_tiles(photos, _TILE_PX, "pad"), len(photos)))
    more = len(item.photos) - len(photos)
    names = ", ".join(photo.filename for photo in photos) + (f" and {more} more" if more else "")
    return Tile(jpeg, names, item.remark)


def _shortcuts(audit: Audit) -> str:
    if not audit.answers:
        return note(audit.unanswered)
    rows = "".join(_answer_row(answer) for answer in audit.answers)
    head = "<tr><th>what a simple classifier was given</th><th>balanced accuracy</th><th>can it tell?</th></tr>"
    return (
        note(
            "A network learns whatever tells the classes apart. What works here without the object will not work on "
            "the sorter, where place, light and camera are the same for all. The line in each bar is guessing, the "
            "range the 95 % interval; photos of one object were never on both sides of the cross-validation. Where "
            "the background alone does as well as the whole photo, high accuracy on photos of this kind proves little."
        )
        + f'<div class="scroll"><table>{head}{rows}</table></div>'
    )


def _answer_row(answer: Answer) -> str:
    low, high = answer.interval
    color = _COLORS[answer.probe.severity or "note"] if answer.verdict in ("largely", "one class") else "#a0aec0"
    bar = (
        '<div style="position: relative; width: 11rem; height: .8rem; margin: .3rem 0; '
        'background: #edf2f7; border-radius: .2rem">'
        f'<div style="width: {answer.score:.1%}; height: 100%; background: {color}; border-radius: .2rem"></div>'
        f'<div style="position: absolute; left: {answer.chance:.1%}; top: -.15rem; bottom: -.15rem; width: 2px; '
        'background: #1a202c"></div></div>'
    )
    figures = f"{answer.score:.0%} ({low:.0%} to {high:.0%}; guessing {answer.chance:.0%})"
    verdict = "" if answer.probe.severity is None else answer.describe()
    return f"<tr><td>{escape(answer.probe.title)}</td><td>{bar}{figures}</td><td>{escape(verdict)}</td></tr>"


def _averages(pictures: Mapping[str, Pixels]) -> str:
    scale = _AVERAGE_PX / SMALL_PX
    middle = slice(round(CENTRE.start * scale), round(CENTRE.stop * scale))
    tiles = []
    for label, picture in pictures.items():
        whole = enlarge(picture, _AVERAGE_PX)
        outside = whole.copy()
        outside[middle, middle] = _MASK_GREY
        tiles.append(Tile(encode_jpeg(arrange([whole, outside], 2)), label, "whole, and background alone"))
    explanation = "Where these look different around the object, the classes were not photographed alike."
    return note(explanation) + gallery(tiles, 15)


def _samples(audit: Audit, seed: int) -> str:
    rng = np.random.default_rng(seed)
    tiles = []
    for label in audit.dataset.labels:
        of_label = [one.photo for one in audit.examined if one.photo.label == label]
        if of_label:
            chosen = choose_samples(of_label, _SAMPLES, rng)
            sheet = arrange(read_tiles(chosen, _SAMPLE_PX, "crop"), _SAMPLE_COLUMNS)
            tiles.append(Tile(encode_jpeg(sheet), label, plural(len(of_label), "photo")))
    return gallery(tiles, 24)


def _facts(audit: Audit, seed: int) -> list[tuple[str, str]]:
    return [
        ("data", str(audit.dataset.root)),
        ("photos of each class", ", ".join(f"{label} {n}" for label, n in sorted(audit.dataset.count().items()))),
        ("classifier", f"{TREES} extremely randomised trees, classes weighted equally, {FOLDS} folds"),
        ("seed", str(seed)),
        ("time", f"{audit.seconds:.0f} s"),
    ]
