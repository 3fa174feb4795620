import pytest

from sorter.edge.arms.arm import ArmFaultError, ArmNotAcknowledgedError, ArmOutcomeUnknownError
from sorter.edge.arms.delivery import Delivery
from sorter.edge.arms.protocol import Message

COMMAND = Message(7, "SORT", ("3",))
OK, DONE, BUSY = (Message(7, word) for word in ("OK", "DONE", "BUSY"))


class Course:
    """One delivery with a clock that the test turns."""

    def __init__(self, attempts: int = 3) -> None:
        self.acknowledgements = 0
        self.now_s = 0.0
        self.delivery = Delivery(COMMAND, "arm", attempts, 10.0, self._acknowledge)
        self.delivery.sent(self.now_s, 0.25)

    def _acknowledge(self) -> None:
        self.acknowledgements += 1

    def hear(self, *replies: Message) -> None:
        for reply in replies:
            self.delivery.hear(reply, self.now_s, 0.5)

    def wait(self, seconds: float) -> bool:
        """Whether the command is sent again after a while."""
        self.now_s += seconds
        due = self.delivery.is_due(self.now_s)
        if due:
            self.delivery.sent(self.now_s, 0.25)
        return due


def test_acknowledged_once_and_completed() -> None:
    course = Course()
    course.hear(OK, OK)
    assert not course.delivery.completed
    course.hear(DONE, DONE)
    assert course.delivery.completed and course.acknowledgements == 1
    assert not course.wait(100)


def test_completion_without_acknowledgement_is_both() -> None:
    course = Course()
    course.hear(DONE)
    assert course.delivery.completed and course.acknowledgements == 1


def test_silence_before_acknowledgement() -> None:
    course = Course()
    assert not course.wait(0.2)
    assert course.wait(0.1) and course.wait(0.3)
    with pytest.raises(ArmNotAcknowledgedError, match="3 times"):
        course.wait(0.3)


def test_silence_after_acknowledgement() -> None:
    course = Course()
    course.hear(OK)
    assert not course.wait(0.4)
    assert course.wait(0.2) and course.wait(0.3) and course.wait(0.3)
    with pytest.raises(ArmOutcomeUnknownError, match="fell silent"):
        course.wait(0.3)


def test_motion_that_never_ends() -> None:
    course = Course()
    with pytest.raises(ArmOutcomeUnknownError, match="within 10 s"):
        for _ in range(100):
            course.hear(OK)
            course.wait(0.6)


def test_busy_arm_is_asked_again_until_patience_ends() -> None:
    course = Course()
    with pytest.raises(ArmNotAcknowledgedError, match="busy"):
        for _ in range(200):
            course.hear(BUSY)
            assert course.wait(0.11)
    assert course.acknowledgements == 0


def test_other_numbers_and_kinds_are_ignored() -> None:
    course = Course()
    course.hear(Message(6, "DONE"), Message(6, "ERR", ("20", "jammed")), Message(7, "PONG"), Message(7, "NEWWORD"))
    assert not course.delivery.completed and course.acknowledgements == 0


def test_damaged_line_is_sent_again_at_once() -> None:
    course = Course()
    course.hear(Message(0, "ERR", ("1", "bad", "checksum")))
    assert course.wait(0.0)


def test_reset_is_an_unknown_outcome() -> None:
    with pytest.raises(ArmOutcomeUnknownError, match="reset"):
        Course().hear(Message(0, "READY", ("sorter-arm", "1")))


def test_reset_whose_banner_was_lost() -> None:
    refusal = Message(7, "ERR", ("8", "say", "HELLO", "first"))
    with pytest.raises(ArmFaultError) as caught:
        Course().hear(refusal)
    assert not caught.value.started
    repeated = Course()
    assert repeated.wait(0.3)
    with pytest.raises(ArmOutcomeUnknownError):
        repeated.hear(refusal)


@pytest.mark.parametrize(("number", "started"), [(4, False), (5, False), (20, True), (57, True)])
def test_faults_tell_whether_it_started(number: int, started: bool) -> None:
    with pytest.raises(ArmFaultError) as caught:
        Course().hear(Message(7, "ERR", (str(number), "some", "reason")))
    assert (caught.value.number, caught.value.started) == (number, started)
    assert "some reason" in caught.value.message
