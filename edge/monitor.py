"""What a running sorter shows to the outside: one snapshot, kept up to date, readable from any thread."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from sorter.edge.arms.arm import ArmState
from sorter.edge.cameras.camera import Frame
from sorter.edge.cameras.health import CameraHealth
from sorter.edge.loop import Phase
from sorter.edge.objects import COMPLETED, SortedObject
from sorter.edge.triggers.trigger import EMPTY, Observation

RECENT_OBJECTS = 50
"""Objects remembered in memory; all of them are in the journal."""


ArmCondition = ArmState | Literal["LOST"]


@dataclass(frozen=True)
class ArmHealth:
    """How the arm is doing.

    Attributes:
        name: Its port.
        state: As it last reported; ``LOST`` while it does not answer.
        reason: One sentence for people; empty while all is well.
        resends: Lines sent again because no answer came.
        damaged_lines: Lines received that could not be read.
        reconnected: How often its port was opened again.
        heard_at_s: When it last answered, on the clock of ``time.monotonic``.
    """

    name: str = ""
    state: ArmCondition = "IDLE"
    reason: str = ""
    resends: int = 0
    damaged_lines: int = 0
    reconnected: int = 0
    heard_at_s: float | None = None


@dataclass(frozen=True)
class ModelHealth:
    """The network in use.

    Attributes:
        name: File name.
        sha256: Hash of the file.
        labels: What it can tell apart.
        loaded_at: Seconds since 1970.
        refused: Why a newer file was not taken; empty where there was none.
    """

    name: str = ""
    sha256: str = ""
    labels: tuple[str, ...] = ()
    loaded_at: float = 0.0
    refused: str = ""


@dataclass(frozen=True)
class Status:
    """Everything about a running sorter at one moment.

    Attributes:
        phase: Where the loop stands.
        reason: Why it stands in PAUSED or FAULT, or waits longer than it should; one sentence, else empty.
        started_at: Seconds since 1970.
        turned_at_s: When the loop last turned, on the clock of ``time.monotonic``; None where it does not tell.
        camera: How the camera is doing.
        arm: How the arm is doing.
        model: The network in use.
        trigger: What makes an object count: one of ``sorter.edge.triggers.options.Kind``; empty where nobody says.
        bins: Bin of each label.
        reject_bin: Where objects go that cannot be told.
        contents: Objects in each bin since it was last emptied.
        full: Bins that hold as many objects as they may.
        outcomes: How many commands ended how, since the start.
        rejected: How many objects went to the reject bin, since the start.
        missed: Objects that came and went while the arm was busy with an earlier one.
        stale_frames: Frames not classified because they were too old.
        storage: What is wrong with the disk; empty while all is well.
        warnings: Other things that a person should know: under-voltage, heat.
        recent: The latest objects, newest first.
    """

    phase: Phase = Phase.WAITING
    reason: str = ""
    started_at: float = 0.0
    turned_at_s: float | None = None
    camera: CameraHealth = field(default_factory=CameraHealth)
    arm: ArmHealth = field(default_factory=ArmHealth)
    model: ModelHealth = field(default_factory=ModelHealth)
    trigger: str = ""
    bins: Mapping[str, int] = field(default_factory=dict)
    reject_bin: int = 0
    contents: Mapping[int, int] = field(default_factory=dict)
    full: frozenset[int] = frozenset()
    outcomes: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    missed: int = 0
    stale_frames: int = 0
    storage: str = ""
    warnings: tuple[str, ...] = ()
    recent: tuple[SortedObject, ...] = ()

    @property
    def sorted_objects(self) -> int:
        """Objects whose command was completed since the start."""
        return self.outcomes.get(COMPLETED, 0)


@dataclass(frozen=True)
class View:
    """What the sorter sees.

    Attributes:
        frame: The newest frame that was looked at; its picture is the region of interest, turned upright.
        observation: What the trigger said of it.
        label: The last class named, while an object lies there; else empty.
        probability: Of that class.
    """

    frame: Frame
    observation: Observation = EMPTY
    label: str = ""
    probability: float = 0.0


class Listener(Protocol):
    """Wants to hear of each event, from the loop's thread; must return at once."""

    def on_duration(self, stage: str, duration_s: float) -> None:
        """A stage of ``sorter.edge.statistics.STAGES`` took so long."""

    def on_object(self, seen: SortedObject) -> None:
        """The command of an object has ended."""


class Monitor:
    """Holds the newest ``Status`` and ``View``. Written by the loop's thread, read by any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._status = Status()
        self._view: View | None = None
        self.listeners: list[Listener] = []

    @property
    def status(self) -> Status:
        """The newest snapshot."""
        with self._lock:
            return self._status

    @property
    def view(self) -> View | None:
        """What is seen now; None before the first frame."""
        with self._lock:
            return self._view

    def update(self, **changes: Any) -> None:
        """Replaces fields of the status."""
        with self._lock:
            self._status = replace(self._status, **changes)

    def show(self, view: View) -> None:
        """Notes what is seen."""
        with self._lock:
            self._view = view

    def tell_duration(self, stage: str, duration_s: float) -> None:
        """Tells the listeners how long a stage took."""
        for listener in self.listeners:
            listener.on_duration(stage, duration_s)

    def tell_object(self, seen: SortedObject) -> None:
        """Counts an object whose command has ended, and tells the listeners."""
        with self._lock:
            status = self._status
            outcomes = Counter(status.outcomes)
            outcomes[seen.outcome] += 1
            recent = (seen, *status.recent)[:RECENT_OBJECTS]
            rejected = status.rejected + bool(seen.decision.rejected)
            self._status = replace(status, outcomes=dict(outcomes), recent=recent, rejected=rejected)
        for listener in self.listeners:
            listener.on_object(seen)
