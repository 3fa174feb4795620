"""What is done of a study, stored after each step, so that a run that was stopped goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sorter.errors import ConfigError
from sorter.files import write_json

_NAME = "progress.json"
_VERSION = 1

Step = Literal["trained", "converted"]


class Ledger:
    """The file ``progress.json`` in a study's folder.

    Args:
        folder: The study's.
        settings: What all networks of one table share; others than those stored are refused.
        fresh: Take up nothing.

    Raises:
        ConfigError: The folder holds networks that were made with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], fresh: bool) -> None:
        self._path, self._settings = folder / _NAME, dict(settings)
        stored = {} if fresh else _read(self._path)
        self._networks: dict[str, dict[str, Any]] = stored.get("networks", {})
        known = stored.get("settings", {})
        changed = [name for name, value in self._settings.items() if name in known and known[name] != value]
        if changed and self._networks:
            raise ConfigError(
                f"{folder} holds networks that were made with other settings: {', '.join(changed)}.",
                "Choose another --out, or give --fresh to train all of them again.",
            )

    def find(self, network: str, step: Step, made_from: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a step has given, if it is done; None where it is not, or was done with something else."""
        entry = self._networks.get(network, {}).get(step)
        if entry is None or entry["made_from"] != dict(made_from) or not Path(entry["file"]).is_file():
            return None
        found: dict[str, Any] = entry["figures"]
        return found

    def knows(self, network: str, step: Step) -> bool:
        """Whether a step was done before, be it with something else."""
        return step in self._networks.get(network, {})

    def note(self, network: str, step: Step, made_from: Mapping[str, Any], file: Path, figures: dict[str, Any]) -> None:
        """Stores what a step has given, with the file that it has made.

        Raises:
            StorageError: It cannot be written.
        """
        entry = {"made_from": dict(made_from), "file": str(file.resolve()), "figures": figures}
        self._networks.setdefault(network, {})[step] = entry
        write_json(self._path, {"version": _VERSION, "settings": self._settings, "networks": self._networks})


def _read(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    # It saves time and is no result: whatever is not understood is done again.
    return stored if isinstance(stored, dict) and stored.get("version") == _VERSION else {}
