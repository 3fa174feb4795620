"""Photographs with their classes, in folders or in a list, and the ``split.csv`` that divides them."""

import hashlib
import os
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sorter.errors import DatasetError
from sorter.files import write_csv
from sorter.image import Pixels, read_image
from sorter.photo_list import LIST_SUFFIXES, SUBSET_NAMES, ListedPhoto, parse_subset, read_photo_list, read_table
from sorter.photo_list import Subset as Subset

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})

_LAYOUT_HINT = "Make one folder a class with its photos inside, for example photos/apple/*.jpg and photos/lemon/*.jpg."


@dataclass(frozen=True)
class Photo:
    """One labelled photograph.

    Attributes:
        path: Where it lies.
        filename: Its path relative to the data set's folder, with ``/`` between the parts.
        label: Name of its class folder, in Unicode normal form C.
        subset: The part it belongs to, where the folders, a list or a ``split.csv`` say so.
        group: Photos of one group show the same object or burst and stay in one part; before grouping it is empty, or
            what a list says.
    """

    path: Path
    filename: str
    label: str
    subset: Subset | None = None
    group: str = ""


@dataclass(frozen=True)
class Dataset:
    """Labelled photographs below one folder, in a fixed order."""

    root: Path
    labels: tuple[str, ...]
    photos: tuple[Photo, ...]

    def count(self) -> Counter[str]:
        """Number of photos of each label."""
        return Counter(photo.label for photo in self.photos)

    def select(self, subset: Subset) -> "Dataset":
        """The photos of one part."""
        return replace(self, photos=tuple(photo for photo in self.photos if photo.subset == subset))

    def fingerprint(self) -> str:
        """SHA-256 over names, labels and contents: equal for equal data sets, wherever they lie."""
        digest = hashlib.sha256()
        for photo in sorted(self.photos, key=lambda p: p.filename):
            content = hashlib.sha256(photo.path.read_bytes()).hexdigest()
            digest.update(f"{photo.filename}\t{photo.label}\t{content}\n".encode())
        return digest.hexdigest()


def open_dataset(root: Path) -> Dataset:
    """Lists the photographs of a data set; reads none of them.

    ``root`` has one folder a class, or folders called train, validation and test (also training, val, valid, testing,
    in any case) with these, or is a CSV file with the columns path and label (see ``read_photo_list``). Hidden files
    and files that are no pictures by their names are left out. Labels are in alphabetical order.

    Raises:
        DatasetError: The folder is missing, has no class folders, a class has no picture, or there is only one class;
            or a list is wrong, or names a file that is not there.
    """
    if root.suffix.lower() in LIST_SUFFIXES and not root.is_dir():
        return _make_dataset(root.parent, root, _photos_listed(root))
    if not root.is_dir():
        problem = "is not a folder" if root.exists() else "does not exist"
        raise DatasetError(f"Data folder {root} {problem}.", _LAYOUT_HINT)
    return _make_dataset(root, root, _photos_below(root))


def _make_dataset(root: Path, source: Path, found: Iterable[Photo]) -> Dataset:
    photos = sorted(found, key=lambda photo: photo.filename)
    labels = tuple(sorted({photo.label for photo in photos}))
    if not labels:
        if source != root:
            raise DatasetError(f"{source} lists no photos.", "Write one photo a line below the header.")
        raise DatasetError(f"{root} has no class folders with pictures.", _LAYOUT_HINT)
    if len(labels) == 1:
        raise DatasetError(
            f"{source} has one class only ({labels[0]}); a classifier needs at least two.",
            "Add photos of something else, for example of the empty place.",
        )
    return Dataset(root, labels, tuple(photos))


def _photos_listed(csv_file: Path) -> Iterator[Photo]:
    for listed in read_photo_list(csv_file):
        yield _photo_of_line(csv_file, listed)


def _photo_of_line(csv_file: Path, listed: ListedPhoto) -> Photo:
    where = f"{csv_file} line {listed.line}"
    path = csv_file.parent / listed.path
    if not path.is_file():
        raise DatasetError(f"{where} names {listed.path}, which is no file.", f"Paths start from {csv_file.parent}.")
    return Photo(path, listed.path, _clean_label(listed.label, where), listed.subset, listed.group)


def _clean_label(name: str, where: str) -> str:
    label = unicodedata.normalize("NFC", name).strip()
    if not label.isprintable():
        raise DatasetError(f"{where} has unprintable letters in the name of its class: {name!r}.", "Rename the class.")
    return label


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DatasetError(f"Cannot read folder {parent}: {error.strerror}.", "Check its permissions.") from error


def _photos_below(root: Path) -> Iterator[Photo]:
    folders = _folders(root)
    # A class may be called "test"; the layout is by parts only where every folder names one.
    by_parts = bool(folders) and all(f.name.lower() in SUBSET_NAMES for f in folders) and any(map(_folders, folders))
    if not by_parts:
        for folder in folders:
            yield from _photos_of_class(root, folder, None)
        return
    for part in folders:
        for folder in _folders(part):
            yield from _photos_of_class(root, folder, SUBSET_NAMES[part.name.lower()])


def _photos_of_class(root: Path, folder: Path, subset: Subset | None) -> list[Photo]:
    label = _clean_label(folder.name, f"Folder {folder.parent}")
    photos = [
        Photo(path, path.relative_to(root).as_posix(), label, subset)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not photos:
        raise DatasetError(
            f"Class folder {folder} has no pictures.",
            f"Put pictures in it ({', '.join(sorted(PICTURE_SUFFIXES))}), or remove the folder.",
        )
    return photos


_PHOTOS_AHEAD = 32
"""Photos whose results may wait in memory at the same time."""

Result = TypeVar("Result")


def map_photos(photos: Iterable[Photo], work: Callable[[Photo], Result]) -> Iterator[Result]:
    """Does the same with every photo on all cores, and gives the results in the photos' order."""
    remaining = iter(photos)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = deque(pool.submit(work, photo) for photo in islice(remaining, _PHOTOS_AHEAD))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, photo) for photo in islice(remaining, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def read_photos(photos: Iterable[Photo]) -> Iterator[tuple[Photo, Pixels | DatasetError]]:
    """Reads photos on all cores and gives them in their order.

    A picture that cannot be read is given as its error, not raised.
    """
    return map_photos(photos, _read)


def _read(photo: Photo) -> tuple[Photo, Pixels | DatasetError]:
    try:
        return photo, read_image(photo.path)
    except DatasetError as error:
        return photo, error


_SPLIT_HEADER = ("filename", "label", "subset", "group")


def write_split(path: Path, photos: Iterable[Photo]) -> None:
    """Writes ``split.csv``: which photo belongs to which part, so that anyone can repeat the figures."""
    write_csv(path, _SPLIT_HEADER, ((p.filename, p.label, p.subset or "", p.group) for p in photos))


def apply_split(dataset: Dataset, split_csv: Path) -> Dataset:
    """Gives the photos of a data set the parts that a ``split.csv`` names; photos it does not name are left out.

    Raises:
        DatasetError: The file is not a split, or names none of the photos.
    """
    hint = "Train again, or name another run."
    rows: dict[str, tuple[Subset | None, str]] = {}
    try:
        for line, row in read_table(split_csv, _SPLIT_HEADER, hint):
            rows[row["filename"]] = (parse_subset(row["subset"], f"Line {line}"), row["group"])
    except DatasetError as error:
        raise DatasetError(f"{split_csv} is not a readable split.csv: {error.message}", hint) from error
    assigned = tuple(
        replace(photo, subset=rows[photo.filename][0], group=rows[photo.filename][1])
        for photo in dataset.photos
        if photo.filename in rows
    )
    if not assigned:
        raise DatasetError(
            f"{split_csv} names none of the photos in {dataset.root}.",
            "Give the folder that the run was trained on.",
        )
    return replace(dataset, photos=assigned)


def require_labels(dataset: Dataset, labels: Sequence[str]) -> None:
    """Checks that every class folder is one of a network's labels.

    Raises:
        DatasetError: A folder is none of the labels.
    """
    unknown = [label for label in dataset.labels if label not in labels]
    if unknown:
        raise DatasetError(
            f"{dataset.root} has classes that the model does not know: {', '.join(unknown)}.",
            f"The model knows: {', '.join(labels)}.",
        )
