"""What the empty place looks like, remembered over restarts: an object may lie there when the sorter starts."""

import cv2
import numpy as np

from sorter.edge.journal import Journal
from sorter.edge.triggers.trigger import LearningTrigger, Trigger
from sorter.errors import StorageError

_SAVE_EVERY_S = 300.0
"""A flash card does not wear out from a few kilobytes every five minutes."""


class PlaceMemory:
    """Keeps a trigger's picture of the empty place in the journal.

    Args:
        trigger: Any trigger; those that know no empty place are left alone.
        journal: An open journal.
        camera: Which camera, with everything that changes its picture.
    """

    def __init__(self, trigger: Trigger, journal: Journal, camera: str) -> None:
        self._trigger = trigger if isinstance(trigger, LearningTrigger) else None
        self._journal, self._camera = journal, camera
        self._save_at_s = float("-inf")

    def recall(self) -> bool:
        """Reminds the trigger; says whether there was anything to remember."""
        stored = self._journal.empty_place(self._camera) if self._trigger else None
        if self._trigger is None or stored is None:
            return False
        picture = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            return False
        self._trigger.recall(picture)  # type: ignore[arg-type]
        return True

    def keep(self, now_s: float) -> None:
        """Saves the picture from time to time; once soon after it is known."""
        if self._trigger is None or now_s < self._save_at_s:
            return
        reference = self._trigger.reference
        if reference is None:
            return
        self._save_at_s = now_s + _SAVE_EVERY_S
        self._save(reference)

    def close(self) -> None:
        """Saves the picture at the end of the run."""
        if self._trigger is not None and self._trigger.reference is not None:
            self._save(self._trigger.reference)

    def _save(self, reference: object) -> None:
        ok, data = cv2.imencode(".png", np.asarray(reference))
        if ok:
            try:
                self._journal.remember_empty_place(self._camera, data.tobytes())
            except StorageError:
                return  # a full disk pauses sorting elsewhere; without the picture the next start looks anew
