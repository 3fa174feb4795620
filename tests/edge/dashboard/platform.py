"""A whole small sorter in this process: simulated platform and arm, the shipped network, everything else real."""

import threading
from pathlib import Path
from typing import Any

from sorter.edge.assembly import Sorter, assemble
from sorter.edge.configuration import read_settings


class Platform:
    """Sorts in a thread of its own until it is left.

    Attributes:
        sorter: Its parts.
    """

    sorter: Sorter

    def __init__(self, folder: Path, **settings: Any) -> None:
        given = {
            "camera.source": "sim:?speed=2&seed=7",
            "arm.port": "sim:?move_s=0.1",
            "model.file": "fruit-demo-int8",
            "journal.file": folder / "journal.db",
        }
        self._settings = read_settings(None, given | {name.replace("__", "."): v for name, v in settings.items()})
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._sort, name="platform", daemon=True)

    def __enter__(self) -> "Platform":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.sorter.runtime.control.resume()
        self.sorter.runtime.control.end()
        self._thread.join(20)

    def _sort(self) -> None:
        with assemble(self._settings, person_can_resume=True) as self.sorter:
            runtime = self.sorter.runtime
            runtime.keepers.append(lambda now_s: runtime.monitor.update(turned_at_s=now_s))
            self._ready.set()
            runtime.run()
