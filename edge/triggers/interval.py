"""One look every few seconds."""

from sorter.edge.cameras.camera import Frame
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.place import OptionalPlace
from sorter.edge.triggers.trigger import EMPTY, Observation


class IntervalTrigger(OptionalPlace):
    """Shows what lies there, every ``interval_s``.

    With ``check_empty`` only where something lies, once it is still; and an object that has been shown is not shown
    again before the place was empty. Without, every look is an object, whatever is there.
    """

    settles = False

    def __init__(self, options: TriggerOptions | None = None) -> None:
        super().__init__(options or TriggerOptions(kind="interval"))
        self._due_at_s: float | None = None
        self._shown_at_s: float | None = None
        self._was_empty = True

    def observe(self, frame: Frame) -> Observation:
        """Looks at a frame; calls must come in the order of the frames."""
        now_s = frame.captured_at_s
        seen = self._place.observe(frame) if self._place is not None else Observation(True, False, 1)
        if seen.trouble:
            return seen
        if self._due_at_s is None:
            self._due_at_s = now_s + self._options.interval_s
        self._was_empty |= not seen.occupied or self._place is None
        if self._shown_at_s is not None:
            if seen.occupied and now_s - self._shown_at_s <= self._options.show_s:
                return Observation(True, seen.moving, seen.objects)
            self._shown_at_s = None
            return EMPTY
        if now_s < self._due_at_s or not seen.occupied or seen.moving or not self._was_empty:
            return EMPTY
        self._shown_at_s, self._was_empty = now_s, False
        # Looks that were due while nothing lay there are not made up for.
        missed = int((now_s - self._due_at_s) / self._options.interval_s)
        self._due_at_s += (missed + 1) * self._options.interval_s
        return Observation(True, False, seen.objects)
