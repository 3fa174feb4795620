"""CSV files that list photos: what a person writes (``path,label``) and what a training wrote (``split.csv``)."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

from sorter.errors import DatasetError

Subset: TypeAlias = Literal["train", "validation", "test"]

SUBSET_NAMES: dict[str, Subset] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""What people call the parts, in lower case."""

LIST_SUFFIXES = frozenset({".csv", ".tsv"})

_LIST_HINT = "Write a header line with path and label (and subset and group if you like), then one photo a line."


@dataclass(frozen=True)
class ListedPhoto:
    """One line of a list.

    Attributes:
        line: Its number, counted from 1.
        path: As written, mostly relative to the list's folder, with ``/`` between the parts.
        label: Of the photo.
        subset: Its part, or None.
        group: Photos of one group show the same object; may be empty.
    """

    line: int
    path: str
    label: str
    subset: Subset | None
    group: str


def parse_subset(text: str, where: str) -> Subset | None:
    """Reads the name of a part, in any case; empty is None.

    Args:
        text: The name.
        where: What to say about the place in an error, for example ``split.csv line 3``.

    Raises:
        DatasetError: There is no such part.
    """
    name = text.strip().lower()
    if name and name not in SUBSET_NAMES:
        raise DatasetError(
            f"{where} names the part {text.strip()!r}, which does not exist.",
            f"Write one of {', '.join(SUBSET_NAMES)}, or nothing.",
        )
    return SUBSET_NAMES[name] if name else None


def read_table(path: Path, required: Sequence[str], hint: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Reads a table with a header line: the number of each line, and its values by column in lower case.

    Columns may be parted by commas, semicolons or tabs (whichever the header has), a byte order mark is skipped, and
    empty lines are left out.

    Args:
        path: The file.
        required: Columns that must be there.
        hint: For the error when they are not.

    Raises:
        DatasetError: The file cannot be read, a required column is missing, or a line has too few values.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            delimiter = max(",;\t", key=header.count)
            columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])]
            missing = [name for name in required if name not in columns]
            if missing:
                raise DatasetError(f"{path} line 1 has no column {' and no column '.join(missing)}.", hint)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for values in reader:
                line = reader.line_num + 1
                if not any(value.strip() for value in values):
                    continue
                if len(values) < len(columns):
                    raise DatasetError(f"{path} line {line} has {len(values)} values for {len(columns)} columns.", hint)
                yield line, dict(zip(columns, values, strict=False))
    except OSError as error:
        raise DatasetError(f"Cannot read {path}: {error.strerror}.", "Check the path and its permissions.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 text.", "Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise DatasetError(f"{path} is not a readable table: {error}.", hint) from error


def read_photo_list(path: Path) -> list[ListedPhoto]:
    """Reads a list with the columns path and label, and if wanted subset (or split) and group; others are ignored.

    Raises:
        DatasetError: A line lacks a path or a label, names an unknown part or a photo that was listed before, or some
            lines have a part and others have none. The message names the line.
    """
    listed: list[ListedPhoto] = []
    lines: dict[str, int] = {}
    for line, row in read_table(path, ("path", "label"), _LIST_HINT):
        where = f"{path} line {line}"
        # A list written on Windows has backslashes; no file here is meant to have one in its name.
        photo, label = row["path"].strip().replace("\\", "/"), row["label"].strip()
        if not photo or not label:
            raise DatasetError(f"{where} has no {'label' if photo else 'path'}.", "Complete the line, or delete it.")
        photo = PurePosixPath(photo).as_posix()
        if photo in lines:
            raise DatasetError(f"{where} lists {photo} again, after line {lines[photo]}.", "Delete one of the two.")
        lines[photo] = line
        subset = parse_subset(row.get("subset") or row.get("split") or "", where)
        if listed and (subset is None) != (listed[0].subset is None):
            bare = where if subset is None else f"{path} line {listed[0].line}"
            raise DatasetError(
                f"{bare} names no part, though other lines do.", "Name the part in every line, or in none."
            )
        listed.append(ListedPhoto(line, photo, label, subset, row.get("group", "").strip()))
    return listed
