"""Photos that are there twice: the same bytes, the same pixels, or nearly the same picture."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sorter.dataset import Photo
from sorter.trainer.audit.examination import Examined
from sorter.trainer.audit.findings import Finding, Item, Severity, plural
from sorter.trainer.duplicates import NearPairs

_SAME_PICTURE = 1
"""Level of ``duplicates.LEVELS`` at which two photos count as the same picture. Among 5,221 photos of waste and of
flowers, all 15 pairs of different classes below it showed different things, and all 5 above it the same."""

Repeat = tuple[tuple[Photo, ...], str]
"""Photos of the same picture, and in what they are equal."""

_MOST_PAIRS = 1000
"""Pairs that are listed by name; among n frames of a film there are n squared."""


@dataclass(frozen=True)
class _Near:
    """Pairs of nearly the same picture."""

    photos: Sequence[Photo]
    pairs: NearPairs

    def most_alike(self) -> list[Repeat]:
        """The first pairs by likeness."""
        pairs = self.pairs
        order = np.lexsort((pairs.second, pairs.first, -pairs.correlation))[:_MOST_PAIRS]
        return [
            ((self.photos[pairs.first[k]], self.photos[pairs.second[k]]), f"{pairs.correlation[k]:.1%} alike")
            for k in order
        ]


@dataclass(frozen=True)
class _Kind:
    """What to say about repeats, and what of their photos to name."""

    kind: str
    severity: Severity
    subject: tuple[str, str]
    message: str
    hint: str
    place: Callable[[Photo], str]


_ACROSS_CLASSES = _Kind(
    "repeated-across-classes",
    "serious",
    ("picture is", "pictures are"),
    "{} in more than one class.",
    "The labels contradict each other. Decide what each shows, and delete it from the other class.",
    lambda photo: photo.label,
)
_ACROSS_PARTS = _Kind(
    "repeated-across-parts",
    "serious",
    ("picture is", "pictures are"),
    "{} in more than one part of the split.",
    "The network is asked about what it was taught, and accuracy flatters. Keep each in one part: let sorter-train "
    "divide the photos, which keeps such pictures together.",
    lambda photo: photo.subset or "",
)
_COPIES = _Kind(
    "repeated",
    "advice",
    ("picture is", "pictures are"),
    "{} in the same class more than once.",
    "Copies teach nothing new. Delete all but one.",
    lambda photo: "",
)
_NEARLY = _Kind(
    "near-duplicates",
    "note",
    ("pair of photos of one class is", "pairs of photos of one class are"),
    "{} nearly the same.",
    "Bursts and views of one object are fine: sorter-train keeps them in one part of its split.",
    lambda photo: "",
)


def find_repeats(examined: Sequence[Examined], pairs: NearPairs) -> list[Finding]:
    """Findings about photos that are there more than once.

    Args:
        examined: n readable photos.
        pairs: Indices into these.
    """
    photos = [one.photo for one in examined]
    exact, near = _exact_groups(examined), _near_pairs(examined, pairs)
    labels, subsets = [photo.label for photo in photos], [photo.subset or "" for photo in photos]
    other_class, other_part = _differs(labels, near), _differs(subsets, near)
    mixed = [group for group in exact if len({photo.label for photo in group[0]}) > 1]
    divided = [group for group in exact if len({photo.subset for photo in group[0]}) > 1]
    return [
        *_finding(_ACROSS_CLASSES, mixed, _Near(photos, near.select(other_class))),
        *_finding(_ACROSS_PARTS, divided, _Near(photos, near.select(other_part))),
        *_finding(_COPIES, [group for group in exact if group not in mixed], None),
        *_finding(_NEARLY, [], _Near(photos, near.select(~other_class & ~other_part))),
    ]


def _exact_groups(examined: Sequence[Examined]) -> list[Repeat]:
    """Groups of equal pixels; equal bytes are such too."""
    by_pixels = defaultdict(list)
    for one in examined:
        by_pixels[one.pixel_digest].append(one)
    return [
        (
            tuple(one.photo for one in group),
            "the same file" if len({one.file_digest for one in group}) == 1 else "the same pixels",
        )
        for group in by_pixels.values()
        if len(group) > 1
    ]


def _near_pairs(examined: Sequence[Examined], pairs: NearPairs) -> NearPairs:
    """Pairs of the same picture whose pixels are not equal."""
    return pairs.select((pairs.level >= _SAME_PICTURE) & _differs([one.pixel_digest for one in examined], pairs))


def _differs(values: Sequence[Hashable], pairs: NearPairs) -> npt.NDArray[np.bool_]:
    """Whether the two photos of each pair have different values."""
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(value, len(numbers)) for value in values], np.int64)
    return np.asarray(codes[pairs.first] != codes[pairs.second])


def _finding(kind: _Kind, exact: Sequence[Repeat], near: _Near | None) -> list[Finding]:
    count = len(exact) + (len(near.pairs.first) if near else 0)
    repeats = [*exact, *(near.most_alike() if near else [])]
    items = tuple(Item(photos, ", ".join(filter(None, [equal, _places(kind, photos)]))) for photos, equal in repeats)
    message = kind.message.format(plural(count, *kind.subject))
    return [Finding(kind.kind, kind.severity, message, kind.hint, items)] if count else []


def _places(kind: _Kind, photos: Sequence[Photo]) -> str:
    return " and ".join(sorted({kind.place(photo) for photo in photos} - {""}))
