"""What has been measured so far, stored as it comes, so that an interrupted run goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sorter.files import write_json

NAME = "progress.json"

_VERSION = 1


def make_key(parts: Mapping[str, Any]) -> str:
    """A name for whatever a figure depends on: equal parts, equal key."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


class ProgressFile:
    """The file ``progress.json`` in the report's folder.

    Attributes:
        models: By key of a model (file, photos, options, versions): ``described`` and ``accuracy``.
        rounds: By key of a model and its threads: the answers of its timed blocks, in the order of the rounds.
        loaded: By the same key: what the worker told when it had loaded the model.
        endurance: By the same key: what the uninterrupted run told.
        sittings: The conditions of each sitting that took timings.

    Args:
        path: The file.
        timing_key: All that timings depend on, the other models of the run included: they are measured in turns, so
            that timings of a run with other models are not taken up.
        fresh: Take up nothing.
    """

    def __init__(self, path: Path, timing_key: str, fresh: bool) -> None:
        self._path, self._timing_key = path, timing_key
        stored = {} if fresh else self._read()
        timing = stored.get("timing", {}) if stored.get("timing", {}).get("key") == timing_key else {}
        self.models: dict[str, dict[str, Any]] = stored.get("models", {})
        self.rounds: dict[str, list[dict[str, Any]]] = timing.get("rounds", {})
        self.loaded: dict[str, dict[str, Any]] = timing.get("loaded", {})
        self.endurance: dict[str, dict[str, Any]] = timing.get("endurance", {})
        self.sittings: list[dict[str, Any]] = timing.get("sittings", [])

    def write(self) -> None:
        """Stores everything.

        Raises:
            StorageError: It cannot be written.
        """
        timing = {
            "key": self._timing_key,
            "rounds": self.rounds,
            "loaded": self.loaded,
            "endurance": self.endurance,
            "sittings": self.sittings,
        }
        write_json(self._path, {"version": _VERSION, "models": self.models, "timing": timing})

    def _read(self) -> dict[str, Any]:
        try:
            stored: dict[str, Any] = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        # It saves time and is no result: whatever is not understood is measured again.
        return stored if isinstance(stored, dict) and stored.get("version") == _VERSION else {}
