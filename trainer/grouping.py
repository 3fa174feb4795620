"""Which photos show the same object, and so must stay on one side of every split."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from sorter.dataset import Photo
from sorter.errors import ConfigError
from sorter.photo_names import object_of
from sorter.trainer.duplicates import find_groups, join


@dataclass(frozen=True)
class GroupRule:
    """What in a photo's name says which object it shows.

    Attributes:
        pattern: Searched in the file's name, or in its path below the data folder where it has a ``/``. Its group
            called ``group``, else its first group, else all that it matches, names the object.
    """

    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> "GroupRule":
        """Compiles a regular expression.

        Raises:
            ConfigError: It is none.
        """
        try:
            return cls(re.compile(text))
        except re.error as error:
            raise ConfigError(
                f"{text!r} is not a regular expression: {error}.", r"For names like apple_07_3.jpg: '_(\d+)_'."
            ) from error

    def find(self, photo: Photo) -> str:
        """The name of a photo's object; empty where the pattern does not match."""
        text = photo.filename if "/" in self.pattern.pattern else PurePosixPath(photo.filename).name
        match = self.pattern.search(text)
        if not match:
            return ""
        named = "group" if "group" in self.pattern.groupindex else min(1, self.pattern.groups)
        return match[named] or ""


def group_photos(
    photos: Sequence[Photo], thumbnails: npt.NDArray[np.float32], rule: GroupRule | None = None
) -> npt.NDArray[np.int64]:
    """Groups photos of one object.

    Photos are of one group when they look nearly the same, when a list gives them the same group, when
    ``sorter-capture`` took them of one object, or when a rule finds the same object in names of one class (numbers
    mostly start anew with each class). Groups that share a photo become one.

    Args:
        photos: n photos.
        thumbnails: float32 (n, 32, 32).
        rule: For the names.

    Returns:
        int64 (n,), the index of the first photo of each photo's group.

    Raises:
        ConfigError: The rule matches no name.
    """
    return join_known(photos, find_groups(thumbnails), rule)


def join_known(
    photos: Sequence[Photo], groups: npt.NDArray[np.int64], rule: GroupRule | None = None
) -> npt.NDArray[np.int64]:
    """Joins given groups, int64 (n,) indices of first photos, by what is known of the photos (see ``group_photos``)."""
    if rule and photos and not any(rule.find(photo) for photo in photos):
        raise ConfigError(
            f"--group-by {rule.pattern.pattern!r} finds nothing in any photo's name, such as {photos[0].filename}.",
            "Try the expression on some of the names.",
        )
    firsts: dict[tuple[str, ...], int] = {}
    links = [(i, int(group)) for i, group in enumerate(groups)]
    for i, photo in enumerate(photos):
        links.extend((i, firsts.setdefault(key, i)) for key in _keys(photo, rule))
    first, second = np.array(links, np.int64).reshape(-1, 2).T
    return join(len(photos), first, second)


def _keys(photo: Photo, rule: GroupRule | None) -> Iterator[tuple[str, ...]]:
    if photo.group:
        yield "listed", photo.group
    # Two labels for one burst are a mistake in the labels; it must not be learnt on one side and asked on the other.
    if taken_of := object_of(PurePosixPath(photo.filename)):
        yield "taken of", taken_of
    if rule and (found := rule.find(photo)):
        yield "found", photo.label, found
