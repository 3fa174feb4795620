"""Which models are measured: ``.tflite`` and ``.keras`` files, run folders, folders of them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sorter.errors import BundleError

Kind = str
"""``tflite``, ``keras``, or one of ``peer_networks.PEERS``."""

_RUN_NETWORK = "model.keras"


@dataclass(frozen=True)
class Candidate:
    """A model to be measured.

    Attributes:
        name: What the report calls it; unique.
        path: Its file.
        kind: What runs it.
        python: The Python of another environment that has what runs it; empty for this one.
    """

    name: str
    path: Path
    kind: Kind
    python: str = ""

    def sha256(self) -> str:
        """SHA-256 of the file; empty where it cannot be read."""
        try:
            return hashlib.sha256(self.path.read_bytes()).hexdigest()
        except OSError:
            return ""


def find_candidates(models: Sequence[Path]) -> list[Candidate]:
    """The models that the arguments name, each once, in their order.

    Args:
        models: Files, run folders (with ``model.keras`` inside), or folders of files and run folders.

    Raises:
        BundleError: A folder has none.
    """
    files = list(dict.fromkeys(file for path in models for file in _files(path)))
    names = [_short_name(file) for file in files]
    taken = Counter(names)
    return [
        Candidate(name if taken[name] == 1 else file.as_posix(), file, "keras" if file.suffix == ".keras" else "tflite")
        for name, file in zip(names, files, strict=True)
    ]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / _RUN_NETWORK).is_file():
        return [path / _RUN_NETWORK, *sorted(path.glob("*.tflite"))]
    inside = sorted(p for p in path.iterdir() if p.suffix in (".tflite", ".keras") and p.is_file())
    inside += sorted(run / _RUN_NETWORK for run in path.iterdir() if (run / _RUN_NETWORK).is_file())
    if not inside:
        raise BundleError(
            f"Folder {path} has no .tflite or .keras files and no training runs.", "Make some with sorter-convert."
        )
    return inside


def _short_name(file: Path) -> str:
    # Every run's network has the same name; the folder says which it is.
    return f"{file.parent.resolve().name}/{file.name}" if file.name == _RUN_NETWORK else file.name
