"""Which trigger does what the user chose."""

from sorter.edge.triggers.announced import AnnouncedTrigger
from sorter.edge.triggers.interval import IntervalTrigger
from sorter.edge.triggers.line import LineTrigger
from sorter.edge.triggers.motion import MotionTrigger
from sorter.edge.triggers.options import TriggerOptions
from sorter.edge.triggers.trigger import StillTrigger, Trigger
from sorter.errors import ConfigError


def make_trigger(options: TriggerOptions, live: bool) -> Trigger:
    """Makes the trigger that the options name.

    Args:
        options: What the user chose.
        live: Whether frames come by themselves. Pictures from a folder lie still already: ``motion``, which is what
            nobody had to choose, then means ``still``.

    Raises:
        ConfigError: The trigger and the source of frames do not go together.
    """
    if not live and options.kind not in ("motion", "still"):
        raise ConfigError(
            f"Trigger {options.kind!r} needs a live camera.", "For a folder of pictures leave the trigger out."
        )
    if live and options.kind == "still":
        raise ConfigError(
            "Trigger 'still' is for folders of pictures, and this camera is live.", "Choose motion or interval."
        )
    if not live:
        return StillTrigger()
    if options.kind == "motion":
        return MotionTrigger(options)
    if options.kind == "line":
        return LineTrigger(options)
    if options.kind == "interval":
        return IntervalTrigger(options)
    return AnnouncedTrigger(options)
