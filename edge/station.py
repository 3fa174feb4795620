"""A camera, a trigger that suits it, and an arm: put together from what the user named."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sorter.cli import warn
from sorter.edge.arms.arm import Arm, ArmIdentity, ArmState, ArmStatus, describe_bins
from sorter.edge.arms.ports import make_arm
from sorter.edge.cameras.camera import Camera
from sorter.edge.cameras.uri import make_camera
from sorter.edge.cameras.view import view_camera
from sorter.edge.configuration import ArmSettings, CameraSettings
from sorter.edge.decision import BinMap
from sorter.edge.flight import STOPPED_BY, settle_unfinished
from sorter.edge.journal import Journal
from sorter.edge.triggers.kinds import make_trigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.trigger import Announceable, LearningTrigger, Trigger
from sorter.errors import ArmError, ConfigError

if TYPE_CHECKING:
    from sorter.edge.simulation.world import World


_STILL_TIMEOUT_S = 60.0
"""Longest motion that a killed run may have left behind."""


@dataclass(frozen=True)
class Station:
    """Everything that sorting needs of the outside world.

    Attributes:
        camera: Where frames come from.
        trigger: Says when an object lies ready.
        arm: Where commands go.
        on_completed: Called with the bin when a command is completed.
        world: The simulated platform, where there is one.
    """

    camera: Camera
    trigger: Trigger
    arm: Arm
    on_completed: Callable[[int], None] = lambda _: None
    world: "World | None" = None

    def announce(self) -> bool:
        """An object lies ready; False where the trigger does not wait for that."""
        return isinstance(self.trigger, Announceable) and self.trigger.announce()

    @property
    def missed_announcements(self) -> int:
        """Announcements that came too soon after another one."""
        return self.trigger.missed if isinstance(self.trigger, Announceable) else 0

    def learn_empty(self) -> bool:
        """The place is empty; False where the trigger does not care."""
        if not isinstance(self.trigger, LearningTrigger):
            return False
        self.trigger.learn_empty()
        return True

    def truth(self, bins: BinMap) -> dict[str, int] | None:
        """What the simulated platform knows of the objects that have come, or None where nobody knows."""
        if self.world is None:
            return None
        from sorter.edge.simulation.score import score

        return score(self.world.ledger, self.world.empty_takes, bins)


def make_station(camera: CameraSettings, arm: ArmSettings, trigger: TriggerOptions, objects: int | None) -> Station:
    """Makes camera, trigger and arm without opening them.

    Args:
        camera: Which camera, and what it is asked for.
        arm: Which arm.
        trigger: When an object lies ready.
        objects: How many objects a simulated platform lays down; None for no end.

    Raises:
        CameraError: The camera's text names nothing.
        ConfigError: The port's text names nothing, or an option is wrong.
    """
    if not camera.source.startswith("sim:"):
        source = make_camera(camera.source, camera)
        return Station(source, make_trigger(trigger, source.live), make_arm(arm.port, arm))
    from sorter.edge.simulation.camera import make_simulation

    simulation = make_simulation(camera.source, objects)
    source, world = view_camera(simulation.camera, camera), simulation.world

    def take(bin_number: int) -> None:
        world.take(bin_number, time.monotonic())

    if arm.port.startswith("sim:"):
        # The simulated arm itself takes the object away; nobody has to tell the platform.
        return Station(source, make_trigger(trigger, True), make_arm(arm.port, arm, on_sorted=take), world=world)
    return Station(source, make_trigger(trigger, True), make_arm(arm.port, arm), take, world)


@contextmanager
def open_station(
    station: Station, journal: Journal, bins: BinMap, clear_stop: bool = False, recover: bool = False
) -> Iterator[str]:
    """Opens arm and camera; nothing moves. Gives the name of the arm.

    Commands that were on their way when an earlier run ended are settled with what the arm remembers of them.

    Args:
        station: What to open.
        journal: An open journal.
        bins: The bins that will be asked for.
        clear_stop: A person has looked at an arm that was stopped or at fault, and wants it to go on.
        recover: An arm that the sorter itself had stopped after a fault goes on without a person.

    Raises:
        CameraError: The camera does not open.
        ArmError: The arm does not open, does not answer, or stands still for a reason.
        ConfigError: The arm lacks a bin.
    """
    arm = station.arm
    try:
        identity = arm.open()
        require_bins(identity, bins)
        status = _wait_until_still(arm, identity.status)
        for outcome, note in settle_unfinished(journal, identity.name, status):
            warn(f"A command was under way when an earlier run ended: {outcome}" + (f", {note}." if note else "."))
        by_itself = recover and journal.recall(STOPPED_BY) == "sorter"
        _require_ready(arm, status.state, clear_stop or by_itself)
        journal.remember(STOPPED_BY, "")
        with station.camera:
            yield identity.name
    finally:
        arm.close()


def require_bins(identity: ArmIdentity, bins: BinMap) -> None:
    """Checks that an arm has all bins that are wanted.

    Raises:
        ConfigError: One is missing.
    """
    if missing := sorted(bins.numbers - identity.bins):
        raise ConfigError(
            f"Bin {missing[0]} is wanted, but arm {identity.name} has {describe_bins(identity.bins)}.",
            "Assign the bins with --bin LABEL=N and --reject-bin N.",
        )


def _wait_until_still(arm: Arm, status: ArmStatus) -> ArmStatus:
    """An arm may still be carrying out the last command of a run that was killed."""
    deadline_s = time.monotonic() + _STILL_TIMEOUT_S
    while status.state == "MOVING" and time.monotonic() < deadline_s:
        time.sleep(0.1)
        status = arm.status()
    return status


def _require_ready(arm: Arm, state: ArmState, clear_stop: bool) -> None:
    if state == "IDLE":
        return
    if state == "MOVING":
        raise ArmError(f"Arm {arm.name} is still moving.", "Wait until it stands still, then start again.")
    if not clear_stop:
        why = "was stopped" if state == "STOPPED" else "reports a fault"
        raise ArmError(f"Arm {arm.name} {why}.", "Look at the arm; when it may move again, add --clear-stop.")
    arm.resume()
