"""How objects are sorted."""

from dataclasses import dataclass, field, replace

from sorter.edge.bins import BinLimits
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.decision import BinMap, DecisionOptions
from sorter.edge.dispatcher import DispatcherOptions
from sorter.edge.loop import STILL_OPTIONS, LoopOptions
from sorter.edge.recovery import RecoveryOptions
from sorter.edge.station import Station


@dataclass(frozen=True)
class RuntimeOptions:
    """How objects are sorted.

    Attributes:
        bins: Which label goes where.
        decision: When a classification is trusted.
        loop: Times of the loop.
        limits: How many objects each bin holds.
        recovery: What follows a fault of the arm.
        dispatcher: How the arm is looked after.
        camera: When the camera counts as failed.
        objects: End after so many objects; None for no end.
        max_age_s: A frame older than this is never classified.
        tick_s: How often that is looked after which is not urgent.
    """

    bins: BinMap
    decision: DecisionOptions = field(default_factory=DecisionOptions)
    loop: LoopOptions = field(default_factory=LoopOptions)
    limits: BinLimits = field(default_factory=BinLimits)
    recovery: RecoveryOptions = field(default_factory=RecoveryOptions)
    dispatcher: DispatcherOptions = field(default_factory=DispatcherOptions)
    camera: CameraOptions = field(default_factory=CameraOptions)
    objects: int | None = None
    max_age_s: float = 0.5
    tick_s: float = 0.5


def loop_options(station: Station, options: RuntimeOptions) -> LoopOptions:
    """Times of the loop that suit the camera and the trigger."""
    if not station.camera.live:
        return STILL_OPTIONS
    wanted = replace(options.loop, votes=options.decision.votes)
    if station.trigger.settles:
        return wanted
    return replace(wanted, settle_s=0.0, clear_s=0.0, decide_early=True)
