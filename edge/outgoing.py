"""From the votes of an object to its command on its way."""

import time
from collections.abc import Callable

from sorter.edge.arms.arm import Arm
from sorter.edge.arms.protocol import next_sequence
from sorter.edge.cameras.camera import Frame
from sorter.edge.decision import decide
from sorter.edge.dispatcher import Command
from sorter.edge.events import Send
from sorter.edge.eye import Eye
from sorter.edge.flight import Flights
from sorter.edge.journal import Entry
from sorter.edge.loop import Phase
from sorter.edge.objects import SortedObject
from sorter.edge.reservation import Reservation
from sorter.edge.runtime_options import RuntimeOptions
from sorter.edge.statistics import StageTimes


class Outgoing:
    """Decides, and launches the command. Used by the loop's thread.

    Args:
        arm: Knows the number of the last command.
        arm_name: What the arm calls itself.
        eye: Saw the object.
        flights: Writes its row.
        send: Hands the command over.
        options: Bins, and when to trust a classification.
        times: Collects the latencies.

    Attributes:
        decision: When to trust a classification; may be replaced between two objects.
        on_decided: Called with each object and its last frame once its command is on its way.
    """

    def __init__(
        self,
        arm: Arm,
        arm_name: str,
        eye: Eye,
        flights: Flights,
        send: Callable[[Command], None],
        options: RuntimeOptions,
        times: StageTimes,
    ) -> None:
        self._arm, self._arm_name, self._eye = arm, arm_name, eye
        self._flights, self._hand_over = flights, send
        self._bins, self._times = options.bins, times
        self.decision = options.decision
        self.on_decided: list[Callable[[SortedObject, Frame], None]] = []

    def expect(self, before: Phase, now: Phase) -> None:
        """Has the next command's number on the disk while the object comes to rest, rather than while it waits."""
        if before is Phase.WAITING and now is Phase.SETTLING:
            previous = self._arm.last_sequence
            self._flights.expect(Reservation(self._arm_name, next_sequence(previous), previous))
        elif now is Phase.WAITING and before is not now:
            self._flights.expect(None)

    def send(self, action: Send) -> None:
        """Decides where the object in the newest frame goes, and sends it there.

        Raises:
            StorageError: Its row cannot be written; nothing was sent.
        """
        frame = self._eye.frame
        assert frame is not None
        started_s = time.monotonic()
        decision = decide(action.votes, action.objects, self._eye.classifier.labels, self._bins, self.decision)
        previous = self._arm.last_sequence
        entry = Entry(
            action.object_number,
            decision,
            self._arm_name,
            next_sequence(previous),
            previous,
            self._eye.classify_time_s(len(action.votes)),
        )
        seen = self._flights.launch(entry, frame, self._hand_over)
        self._times.add("decide", time.monotonic() - started_s)
        self._times.add("frame to command", seen.command_s)
        for observer in self.on_decided:
            observer(seen, frame)
