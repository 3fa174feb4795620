"""Pictures that a person has given another label, as a data set to train on, with a record of each."""

import hashlib
import json
import os
import re
import time
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sorter.edge.monitor import ModelHealth
from sorter.edge.objects import SortedObject
from sorter.errors import ConfigError
from sorter.files import make_folder, translated_storage_errors, write_bytes

RECORD = "corrections.jsonl"
"""One JSON document a line for each correction; where an object has several, the last one holds."""

LONGEST_LABEL = 60

_UNSAFE = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f]|^\.|[. ]$')
"""What cannot stand in the name of a folder on every file system, or would hide it."""


@dataclass(frozen=True)
class Correction:
    """What is recorded of one.

    Attributes:
        number: Of the object in its run.
        row: Of the object in the journal.
        decided_at: When it was classified; ISO 8601, UTC.
        predicted: What the network said.
        probabilities: By label.
        bin: Where the object went.
        corrected: What a person says.
        corrected_at: When; ISO 8601, UTC.
        model: File name of the network.
        model_sha256: Its hash.
        picture: Path of the picture below the folder.
    """

    number: int
    row: int
    decided_at: str
    predicted: str
    probabilities: dict[str, float]
    bin: int
    corrected: str
    corrected_at: str
    model: str
    model_sha256: str
    picture: str


class Corrections:
    """One folder a class below ``folder``, as ``sorter-train`` takes them. Used by one thread.

    Args:
        folder: Made when the first picture comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, seen: SortedObject, model: ModelHealth, label: str, jpeg: bytes) -> Correction:
        """Stores the picture of an object under the right label, and takes it away from an earlier one.

        Args:
            seen: The object.
            model: The network that named it.
            label: What it is; one of the network's labels, or a new one.
            jpeg: Its picture.

        Raises:
            ConfigError: The label cannot be one.
            StorageError: The folder cannot be written.
        """
        label = self._settle(label, model.labels)
        path = make_folder(self.folder / name_folder(label)) / name_picture(seen, jpeg)
        write_bytes(path, jpeg)
        self._remove_others(path)
        correction = _describe(seen, model, label, path.relative_to(self.folder).as_posix())
        self._record(correction)
        return correction

    def labels(self) -> list[str]:
        """Labels that have a folder already."""
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _settle(self, label: str, known: tuple[str, ...]) -> str:
        """The label as it is spelt already, so that ``apple`` and ``Apple`` do not become two classes."""
        if label in known:
            return label
        label = check_label(label)
        spelt = {name.casefold(): name for name in (*self.labels(), *known)}
        return spelt.get(label.casefold(), label)

    def _remove_others(self, path: Path) -> None:
        with translated_storage_errors(self.folder):
            for other in self.folder.glob(f"*/{path.name}"):
                if other != path:
                    other.unlink()
                    if not any(other.parent.iterdir()):
                        # An empty class folder would stop a training.
                        other.parent.rmdir()

    def _record(self, correction: Correction) -> None:
        path = self.folder / RECORD
        line = json.dumps(asdict(correction), ensure_ascii=False) + "\n"
        with translated_storage_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def check_label(text: str) -> str:
    """A new label in Unicode normal form C, without blanks around it.

    Raises:
        ConfigError: It is empty, too long, or cannot be the name of a folder.
    """
    label = unicodedata.normalize("NFC", text).strip()
    if not label or len(label) > LONGEST_LABEL or not label.isprintable():
        raise ConfigError(f"A label has 1 to {LONGEST_LABEL} printable letters.", "Give the object a short name.")
    if _UNSAFE.search(label) or len(label.encode()) > 200:
        raise ConfigError("That label cannot be the name of a folder.", "Use letters, digits, blanks, - and _.")
    return label


def name_folder(label: str) -> str:
    """The folder of a label: the label itself wherever that is safe.

    A network's own label may hold anything, for example ``cup/mug``: what is unsafe is replaced, and a part of its hash
    keeps two such labels apart.
    """
    try:
        return check_label(label)
    except ConfigError:
        kept = "".join(c if c.isascii() and (c.isalnum() or c in " -") else "_" for c in label)
        return f"{kept[:30].strip()}-{hashlib.sha256(label.encode('utf-8', 'replace')).hexdigest()[:8]}"


def name_picture(seen: SortedObject, jpeg: bytes) -> str:
    """A file name that is the same for the same object, and for no other, of this journal or of another."""
    moment = datetime.fromtimestamp(seen.decided_at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{moment}-{seen.row:06d}-{hashlib.sha256(jpeg).hexdigest()[:12]}.jpg"


def _describe(seen: SortedObject, model: ModelHealth, label: str, picture: str) -> Correction:
    decision = seen.decision
    return Correction(
        number=seen.number,
        row=seen.row,
        decided_at=_iso(seen.decided_at),
        predicted=decision.label,
        probabilities={name: round(p, 6) for name, p in zip(model.labels, decision.probabilities, strict=False)},
        bin=decision.bin,
        corrected=label,
        corrected_at=_iso(time.time()),
        model=model.name,
        model_sha256=model.sha256,
        picture=picture,
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
