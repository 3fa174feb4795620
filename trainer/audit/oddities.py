"""Files that cannot be used, or are not what the others are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sorter.dataset import Dataset, Photo
from sorter.trainer.audit.examination import Examined, Unreadable
from sorter.trainer.audit.findings import Finding, Item, Severity, plural

TINY_PX = 64
"""Half of the smallest network input in common use: smaller photos are enlarged more than twice."""

LONGEST_ASPECT = 3.0
"""Longer photos lose most of the picture when cropped, and most of their shape when stretched."""

_BLANK_LEVELS = 2.0
"""Standard deviation, in grey levels, below which a picture shows nothing."""

_FORMATS = {
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".png": ("PNG",),
    ".bmp": ("BMP",),
    ".webp": ("WEBP",),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
}


@dataclass(frozen=True)
class _Oddity:
    """A kind of odd file: how to see it, and what to say about it."""

    kind: str
    severity: Severity
    message: str
    hint: str
    applies: Callable[[Examined], bool]
    describe: Callable[[Examined], str]


def _size(one: Examined) -> str:
    return f"{one.width}x{one.height}"


def _aspect(one: Examined) -> float:
    return max(one.width, one.height) / min(one.width, one.height)


def _has_wrong_suffix(one: Examined) -> bool:
    expected = _FORMATS.get(one.photo.path.suffix.lower(), ())
    return bool(one.header.format) and one.header.format not in expected


_ODDITIES = (
    _Oddity(
        "wrong-extension",
        "advice",
        "{} of another format than the name says",
        "They are read by their content, so training is safe; other programs may refuse them. Rename them.",
        _has_wrong_suffix,
        lambda one: f"is {one.header.format}",
    ),
    _Oddity(
        "tiny",
        "advice",
        f"{{}} with a side below {TINY_PX} pixels",
        "A network sees them enlarged and blurred. Take larger ones, or delete them.",
        lambda one: min(one.width, one.height) < TINY_PX,
        _size,
    ),
    _Oddity(
        "extreme-aspect",
        "advice",
        f"{{}} more than {LONGEST_ASPECT:.0f} times as long as wide",
        "Cut them to the object; stretched to a square they show it badly out of shape.",
        lambda one: _aspect(one) > LONGEST_ASPECT,
        lambda one: f"{_size(one)}, {_aspect(one):.1f} to 1",
    ),
    _Oddity(
        "blank",
        "advice",
        "{} of nothing but one even colour",
        "Delete them, unless that is what the class is about.",
        lambda one: float(one.thumbnail.std()) < _BLANK_LEVELS,
        lambda one: f"grey level {one.thumbnail.mean():.0f} all over",
    ),
    _Oddity(
        "animated",
        "advice",
        "{} with more than one picture inside",
        "Only the first picture is used. Save the wanted one by itself.",
        lambda one: one.header.frames > 1,
        lambda one: f"{one.header.frames} pictures",
    ),
    _Oddity(
        "cmyk",
        "note",
        "{} in the colours of a printing press (CMYK)",
        "They are converted when read, and may look paler than the others.",
        lambda one: one.header.mode == "CMYK",
        _size,
    ),
    _Oddity(
        "deep",
        "note",
        "{} with 16 bits a channel",
        "They are reduced to 8 bits when read.",
        lambda one: one.header.deep,
        lambda one: one.header.mode,
    ),
    _Oddity(
        "alpha",
        "note",
        "{} with transparency",
        "Transparency is dropped when they are read; what lies behind it, often black, becomes visible.",
        lambda one: one.header.mode in ("RGBA", "LA", "PA"),
        lambda one: one.header.mode,
    ),
    _Oddity(
        "rotated",
        "note",
        "{} turned by an EXIF orientation",
        "They are turned upright when read; programs that ignore the orientation show them lying.",
        lambda one: one.header.orientation not in (0, 1),
        lambda one: f"orientation {one.header.orientation}",
    ),
)


def find_oddities(examined: Sequence[Examined], unreadable: Sequence[Unreadable]) -> list[Finding]:
    """Findings about single files."""
    findings = _unreadable(unreadable)
    for oddity in _ODDITIES:
        odd = [one for one in examined if oddity.applies(one)]
        if odd:
            items = tuple(Item((one.photo,), oddity.describe(one)) for one in odd)
            message = oddity.message.format(plural(len(odd), "photo")) + "."
            findings.append(Finding(oddity.kind, oddity.severity, message, oddity.hint, items))
    return findings + _grey(examined)


def _unreadable(unreadable: Sequence[Unreadable]) -> list[Finding]:
    if not unreadable:
        return []
    return [
        Finding(
            "unreadable",
            "serious",
            f"{plural(len(unreadable), 'photo')} cannot be read.",
            "Training leaves them out. Copy them again from where they came, or delete them.",
            tuple(Item((one.photo,), one.reason.removeprefix(f"{one.photo.path} ")) for one in unreadable),
        )
    ]


def _grey(examined: Sequence[Examined]) -> list[Finding]:
    grey = [one for one in examined if one.grey]
    if not grey:
        return []
    if len(grey) == len(examined):
        hint = "A colour camera on the device will show what the network has never seen."
        return [Finding("greyscale", "note", "No photo has any colour.", hint)]
    message = f"{plural(len(grey), 'photo')} of {len(examined)} {'has' if len(grey) == 1 else 'have'} no colour."
    hint = "Replace them: the device's camera sees colour, and a class with many grey photos is told by that."
    items = tuple(Item((one.photo,), f"mode {one.header.mode or 'unknown'}") for one in grey)
    return [Finding("greyscale", "advice", message, hint, items)]


def find_unused(dataset: Dataset, source: Path) -> list[Finding]:
    """Files below the data folder that training does not look at, because their names are not those of pictures."""
    if not source.is_dir():
        return []
    used = {photo.path for photo in dataset.photos}
    unused = [
        path
        for path in sorted(source.rglob("*"))
        if path not in used
        and path.parent != source
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    ]
    if not unused:
        return []
    endings = ", ".join(sorted({path.suffix.lower() or "no ending" for path in unused}))
    names = (path.relative_to(source).as_posix() for path in unused)
    return [
        Finding(
            "unused-files",
            "advice",
            f"{plural(len(unused), 'file is', 'files are')} in class folders and not used ({endings}).",
            "Training takes .jpg, .png, .bmp, .webp and .tif files only. Convert pictures, and move other files away.",
            tuple(
                Item((Photo(path, name, path.parent.name),), path.suffix)
                for path, name in zip(unused, names, strict=True)
            ),
        )
    ]
