"""Where the sorter stands, in plain words, and what a person should do now."""

from dataclasses import dataclass
from typing import Literal

from sorter.edge.loop import Phase
from sorter.edge.monitor import Status

Tone = Literal["good", "busy", "attention", "danger"]


@dataclass(frozen=True)
class Advice:
    """What to tell the operator.

    Attributes:
        tone: How urgent it is.
        title: What the sorter does, in a few words.
        text: What the person should do; one or two sentences.
    """

    tone: Tone
    title: str
    text: str


_USUAL = {
    Phase.WAITING: Advice("good", "Ready", "Lay the next object on the place."),
    Phase.SETTLING: Advice("busy", "An object is coming to rest", "Take your hands away from it."),
    Phase.CLASSIFYING: Advice("busy", "Looking at the object", "Leave it where it is."),
    Phase.SENDING: Advice("busy", "Telling the arm where it goes", "Keep clear of the arm."),
    Phase.MOVING: Advice("busy", "The arm moves", "Keep clear of the arm."),
    Phase.CLEARING: Advice(
        "busy",
        "Waiting until the place is empty",
        "Take away what lies there. If nothing does, press “The place is empty”.",
    ),
    Phase.PAUSED: Advice("attention", "Paused", "Nothing is sorted. Press “Resume” to go on."),
    Phase.FAULT: Advice(
        "danger", "Stopped", "Look at the arm and at the place. When both are all right, press “Resume”."
    ),
}


def advise(status: Status, troubles: tuple[str, ...] = ()) -> Advice:
    """What to tell the operator of a status; the most urgent matter wins.

    Args:
        status: The newest snapshot.
        troubles: What ``sorter.edge.health.assess`` found wrong.
    """
    usual = _USUAL[status.phase]
    if status.arm.state == "LOST":
        return Advice("danger", "The arm does not answer", _join(status.arm.reason, "Check its power and its cable."))
    if status.phase is Phase.FAULT or status.arm.state in ("STOPPED", "FAULT"):
        # A stopped arm matters more than the phase that the loop has yet to leave.
        fault = _USUAL[Phase.FAULT]
        return Advice("danger", fault.title, _join(status.reason or status.arm.reason, fault.text))
    if status.camera.state not in ("ok", "opening"):
        text = _join(status.camera.reason, "Check the camera's cable, its lens and the light.")
        return Advice("danger", "The camera gives no usable picture", text)
    if troubles:
        return Advice("danger", "Something is wrong", _join(*troubles))
    if status.full:
        what = "it" if len(status.full) == 1 else "them"
        return Advice("attention", f"{_name_bins(status.full)} full", f"Empty {what}, then press “Emptied”.")
    if status.camera.state == "opening" and status.camera.frames == 0 and status.camera.reason:
        return Advice("busy", "The camera is starting", status.camera.reason)
    return Advice(usual.tone, usual.title, _join(status.reason, usual.text))


def _join(*sentences: str) -> str:
    """Sentences one after the other; a reason may begin with a name in small letters."""
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences if sentence)


def _name_bins(numbers: frozenset[int]) -> str:
    if len(numbers) == 1:
        return f"Bin {min(numbers)} is"
    *first, last = sorted(numbers)
    return f"Bins {', '.join(map(str, first))} and {last} are"
