"""Is a running sorter alive? Asked by ``/healthz`` and by the service manager's watchdog."""

from dataclasses import dataclass

from sorter.edge.monitor import Status
from sorter.errors import ConfigError


@dataclass(frozen=True)
class HealthLimits:
    """How long something may be silent.

    Attributes:
        loop_s: Since the loop last turned.
        frame_s: Since the newest good frame.
        arm_s: Since the arm last answered; None where nothing asks it regularly.
    """

    loop_s: float = 10.0
    frame_s: float = 5.0
    arm_s: float | None = None

    def __post_init__(self) -> None:
        if min(self.loop_s, self.frame_s, 1.0 if self.arm_s is None else self.arm_s) <= 0:
            raise ConfigError("Limits of health must be longer than 0 seconds.")


_DEFAULT = HealthLimits()


def assess(status: Status, now_s: float, limits: HealthLimits = _DEFAULT) -> tuple[str, ...]:
    """What is wrong with a running sorter, one sentence each; empty when it is healthy.

    A sorter that was paused or stopped, or that waits for a person at the arm, is alive: that is its phase, not an
    illness, and starting the program again would not mend it.

    Args:
        status: The newest snapshot.
        now_s: On the clock of ``time.monotonic``.
        limits: How long something may be silent.
    """
    troubles = (
        loop_trouble(status, now_s, limits),
        _camera_trouble(status, now_s, limits),
        _arm_trouble(status, now_s, limits),
        status.storage,
    )
    return tuple(trouble for trouble in troubles if trouble)


def loop_trouble(status: Status, now_s: float, limits: HealthLimits = _DEFAULT) -> str:
    """Why the loop seems dead; empty while it turns, and where nothing tells whether it does."""
    if status.turned_at_s is None or (silent_s := now_s - status.turned_at_s) <= limits.loop_s:
        return ""
    return f"The loop has not turned for {silent_s:.0f} s."


def _camera_trouble(status: Status, now_s: float, limits: HealthLimits) -> str:
    camera = status.camera
    if camera.state not in ("ok", "opening"):
        return camera.reason or f"The camera is {camera.state}."
    if camera.frame_at_s is None:
        # A source of still pictures tells no times, and a camera that opens will say whether it did.
        return ""
    silent_s = now_s - camera.frame_at_s
    return f"The newest picture is {silent_s:.0f} s old." if silent_s > limits.frame_s else ""


def _arm_trouble(status: Status, now_s: float, limits: HealthLimits) -> str:
    arm = status.arm
    if arm.state == "LOST":
        return arm.reason or "The arm does not answer."
    if limits.arm_s is None or arm.heard_at_s is None or (silent_s := now_s - arm.heard_at_s) <= limits.arm_s:
        return ""
    return f"The arm has not answered for {silent_s:.0f} s."
