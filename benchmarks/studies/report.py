"""A study's report: written anew each time when more is there."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sorter.benchmarks.machine import describe_machine
from sorter.benchmarks.studies.execution import Progress
from sorter.benchmarks.studies.page import write_study_page
from sorter.benchmarks.studies.plan import Wishes
from sorter.benchmarks.studies.published import Study
from sorter.benchmarks.studies.rows import Row, make_remarks, make_rows
from sorter.benchmarks.studies.table import HEADER, cells, make_json, write_tables
from sorter.dataset import Dataset


def describe_photos(photos: Dataset) -> str:
    """A data set in words."""
    labels = ", ".join(photos.labels)
    return f"{len(photos.photos)} photos of {photos.root.resolve().name} ({len(photos.labels)} classes: {labels})"


@dataclass(frozen=True)
class StudyReport:
    """A study's report in a folder.

    Attributes:
        study: Whose.
        photos: Ours, in words.
        wishes: What the user asked for.
        folder: Where it is written.
        progress: What is there so far.
    """

    study: Study
    photos: str
    wishes: Wishes
    folder: Path
    progress: Progress = field(default_factory=Progress)

    @property
    def rows(self) -> list[Row]:
        """The results table."""
        return make_rows(self.study, self.progress)

    @property
    def title(self) -> str:
        """Heading of page and table."""
        return f"The {self.study.name} study, made again"

    @property
    def remarks(self) -> list[str]:
        """What the reader must know."""
        parts = f"{self.photos}, divided {self.wishes.split} with near-duplicates on one side, seed {self.wishes.seed}"
        return make_remarks(self.study, self.progress, parts)

    def write(self) -> None:
        """Writes ``study.json``, ``study.csv``, ``study.md``, ``study.html`` and the chart ``study``.

        Raises:
            StorageError: They cannot be written.
        """
        rows, remarks = self.rows, self.remarks
        write_tables(self.folder, self.title, self._facts(), rows, remarks)
        machine = describe_machine()
        lead = f"{self.photos}; trained and measured on {machine['processor']}, {machine['cores']} cores."
        page = self.folder / "study.html"
        write_study_page(page, self.title, lead, rows, remarks, self.progress.measured)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``study.json``."""
        return make_json(self._facts(), self.rows, self.remarks)

    def lines(self) -> list[str]:
        """The table for the screen, without the intervals."""
        table = [HEADER, *(tuple(text for text, _ in cells(row)) for row in self.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(HEADER))]
        sides = [str.ljust if i in (0, len(HEADER) - 1) else str.rjust for i in range(len(HEADER))]
        shown = (
            "  ".join(side(text, width) for side, text, width in zip(sides, line, widths, strict=True))
            for line in table
        )
        return [line.rstrip() for line in shown]

    def _facts(self) -> dict[str, Any]:
        return {
            "study": self.study.name,
            "source": self.study.source,
            "data": self.photos,
            "settings": self.wishes.settings(),
            "machine": {name: value for name, value in describe_machine().items() if name != "load"},
        }
