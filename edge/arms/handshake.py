"""Getting to know an arm that speaks line protocol 1: what its answers to HELLO and STATUS hold."""

from typing import cast, get_args

from sorter.edge.arms import protocol
from sorter.edge.arms.arm import ArmIdentity, ArmState, ArmStatus
from sorter.edge.arms.protocol import Message
from sorter.errors import ArmError


def read_status(arguments: tuple[str, ...]) -> ArmStatus | None:
    """State, last number and outcome as HELLO and STATUS answer them; None when they are of another form."""
    if len(arguments) != 3 or arguments[0] not in get_args(ArmState) or not arguments[1].isdecimal():
        return None
    return ArmStatus(cast("ArmState", arguments[0]), int(arguments[1]), arguments[2])


def read_identity(message: Message, port: str) -> ArmIdentity | None:
    """Who answers; None when the message is no answer to HELLO.

    Args:
        message: From the arm.
        port: Where it is, for the error.

    Raises:
        ArmError: It speaks another version.
    """
    words = message.arguments
    status = read_status(words[3:6])
    if message.word != "HELLO" or status is None or not (words[0].isdecimal() and words[2].isdecimal()):
        return None
    if int(words[0]) != protocol.VERSION:
        raise ArmError(
            f"Arm {words[1]} at {port} speaks version {words[0]} of the line protocol; "
            f"this program speaks {protocol.VERSION}.",
            "Install matching versions of firmware and sorter-toolkit.",
        )
    return ArmIdentity(words[1], int(words[0]), frozenset(range(int(words[2]))), status)


def no_answer(port: str, heard: bytes, waited_s: float) -> ArmError:
    """The error when nothing at a port speaks line protocol 1.

    Args:
        port: Its name.
        heard: What came in place of an answer.
        waited_s: How long.
    """
    if not heard:
        return ArmError(
            f"Nothing at {port} answered within {waited_s:g} s.",
            "Is the arm switched on, its firmware installed, and this the right port?",
        )
    return ArmError(
        f"Something at {port} sends data, but not in line protocol 1: {heard[:24]!r}.",
        "Is it another device, or set to another speed? The arm's speed is 115200 baud.",
    )
