"""Photos that are there twice: the same bytes, the same pixels, or nearly the same picture."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from sorter.dataset import Photo
from sorter.trainer.audit.examination import Examined
from sorter.trainer.audit.findings import Finding, Item, Severity, plural
from sorter.trainer.duplicates import NearPairs

_SAME_PICTURE = 1
"""Level of ``duplicates.LEVELS`` at which two photos count as the same picture. Among 5,200 photos of waste and of
flowers, all 19 pairs of different classes below it showed different things, and all 5 pairs above it the same."""

Repeat = tuple[tuple[Photo, ...], str]
"""Photos of the same picture, and in what they are equal."""


def find_repeats(examined: Sequence[Examined], pairs: NearPairs) -> list[Finding]:
    """Findings about photos that are there more than once.

    Args:
        examined: n readable photos.
        pairs: Indices into these.
    """
    exact = _exact_groups(examined)
    near = _near_pairs(examined, pairs)
    across_classes = [r for r in [*exact, *near] if len({photo.label for photo in r[0]}) > 1]
    across_parts = [r for r in [*exact, *near] if len({photo.subset for photo in r[0]}) > 1]
    within = [r for r in exact if len({photo.label for photo in r[0]}) == 1]
    return [
        *_finding(
            across_classes,
            "repeated-across-classes",
            "serious",
            lambda n: f"{plural(n, 'picture is', 'pictures are')} in more than one class.",
            "The labels contradict each other. Decide what each shows, and delete it from the other class.",
            lambda photo: photo.label,
        ),
        *_finding(
            across_parts,
            "repeated-across-parts",
            "serious",
            lambda n: f"{plural(n, 'picture is', 'pictures are')} in more than one part of the split.",
            "The network is asked about what it was taught, and accuracy flatters. Keep each in one part: let "
            "sorter-train divide the photos, which keeps such pictures together.",
            lambda photo: photo.subset or "",
        ),
        *_finding(
            within,
            "repeated",
            "advice",
            lambda n: f"{plural(n, 'picture is', 'pictures are')} in the same class more than once.",
            "Copies teach nothing new. Delete all but one.",
            lambda photo: "",
        ),
        *_near_finding(near),
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


def _near_pairs(examined: Sequence[Examined], pairs: NearPairs) -> list[Repeat]:
    """Pairs of the same picture whose pixels are not equal, the most alike first."""
    same = pairs.select(pairs.level >= _SAME_PICTURE)
    repeats: list[Repeat] = []
    for k in np.lexsort((same.second, same.first, -same.correlation)):
        first, second = examined[same.first[k]], examined[same.second[k]]
        if first.pixel_digest != second.pixel_digest:
            repeats.append(((first.photo, second.photo), f"{same.correlation[k]:.1%} alike"))
    return repeats


def _finding(
    repeats: Iterable[Repeat],
    kind: str,
    severity: Severity,
    message: Callable[[int], str],
    hint: str,
    place: Callable[[Photo], str],
) -> list[Finding]:
    items = tuple(
        Item(photos, ", ".join(filter(None, [equal, " and ".join(sorted({place(p) for p in photos} - {""}))])))
        for photos, equal in repeats
    )
    return [Finding(kind, severity, message(len(items)), hint, items)] if items else []


def _near_finding(near: Sequence[Repeat]) -> list[Finding]:
    inside = [r for r in near if len({(photo.label, photo.subset) for photo in r[0]}) == 1]
    return _finding(
        inside,
        "near-duplicates",
        "note",
        lambda n: f"{plural(n, 'pair')} of photos in one class {'is' if n == 1 else 'are'} nearly the same.",
        "Bursts and views of one object are fine: sorter-train keeps them in one part of its split.",
        lambda photo: "",
    )
