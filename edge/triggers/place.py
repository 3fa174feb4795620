"""The empty place, for triggers that need not know it."""

from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.image import Pixels


class OptionalPlace:
    """What a trigger knows of the empty place, where ``check_empty`` has it look at one.

    Args:
        options: Whether it does, and how.
    """

    def __init__(self, options: TriggerOptions) -> None:
        self._options = options
        self._place = MotionTrigger(options) if options.check_empty else None

    @property
    def reference(self) -> Pixels | None:
        """The empty place (see ``MotionTrigger.reference``); None where it is not looked at."""
        return None if self._place is None else self._place.reference

    def recall(self, reference: Pixels) -> None:
        """Takes a remembered picture as the empty place."""
        if self._place is not None:
            self._place.recall(reference)

    def learn_empty(self) -> None:
        """Takes the next steady picture as the empty place."""
        if self._place is not None:
            self._place.learn_empty()
