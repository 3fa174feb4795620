"""What an arm tells unasked, each thing once however often it is repeated."""

from collections import deque

from sorter.edge.arms.arm import ArmEvent
from sorter.edge.arms.protocol import Message

_MOST = 16
"""Events kept while nobody asks; older ones no longer matter by then."""


class EventQueue:
    """Events in the order in which they came, also those that came while a command was under way.

    An object is announced every 0.5 s while it lies there, always under the same number, and the stop button says so
    as long as it is held: each is one event. A reset starts the numbers anew.
    """

    def __init__(self) -> None:
        self._events: deque[ArmEvent] = deque(maxlen=_MOST)
        self._object: tuple[str, ...] = ()

    def take(self, message: Message) -> None:
        """Looks whether a line is an event."""
        if message.word == "READY":
            # The arm counts its objects from 1 again; the first one must not be taken for an old one.
            self._object = ()
            self._add("reset")
        elif message.tells_of_reset:
            self._add("reset")
        elif message.sequence == 0 and message.word == "STOPPED":
            self._add("stopped")
        elif message.sequence == 0 and message.word == "OBJECT" and message.arguments != self._object:
            self._object = message.arguments
            self._add("object")

    def popleft(self) -> ArmEvent:
        """The oldest event."""
        return self._events.popleft()

    def clear(self) -> None:
        """Forgets what was not asked for."""
        self._events.clear()

    def __bool__(self) -> bool:
        return bool(self._events)

    def _add(self, event: ArmEvent) -> None:
        if event == "object" or not self._events or self._events[-1] != event:
            self._events.append(event)
