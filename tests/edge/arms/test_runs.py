"""Scripts on their way to simulated controllers: no port, no thread, and a clock that the test turns."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sorter.edge.arms.arm import ArmFaultError, ArmNotAcknowledgedError, ArmOutcomeUnknownError
from sorter.edge.arms.dialects import DIALECTS, Answer, marlin_line
from sorter.edge.arms.numbered import FIRST_NUMBER, MarlinRun
from sorter.edge.arms.runs import RunPlan, ScriptRun, UarmRun
from sorter.edge.arms.tagged import GrblRun, tag_lines
from sorter.edge.simulation.controller import Controller, ControllerOptions
from sorter.edge.simulation.grbl import GrblController
from sorter.edge.simulation.marlin import MarlinController
from sorter.edge.simulation.uarm import UarmController
from sorter.errors import ArmError

SCRIPT = ("G90", "G0 X10", "G0 X20")
MOVES = ["G0 X10", "G0 X20"]
_CONTROLLERS: dict[str, type[Controller]] = {"marlin": MarlinController, "grbl": GrblController, "uarm": UarmController}
_STEP_S = 0.01


def make_run(
    dialect: str, acknowledge: Callable[[], None] = lambda: None, attempts: int = 8, silence_s: float = 0.5
) -> ScriptRun:
    closing = DIALECTS[dialect].closing
    plan = RunPlan("arm", "SORT 1 (number 1)", SCRIPT, closing, attempts, 0.5, silence_s, 0.1, 30.0, acknowledge)
    if dialect == "marlin":
        return MarlinRun(plan, 0.0, FIRST_NUMBER)
    return GrblRun(plan, 0.0) if dialect == "grbl" else UarmRun(plan, 0.0, 0)


def drive(
    dialect: str,
    at: dict[int, Callable[[Controller, float], None]] | None = None,
    silence_s: float = 0.5,
    **behaviour: Any,
) -> tuple[ScriptRun, Controller, ArmError | None, int]:
    """Lets host and controller talk until the script has ended, somehow; nothing waits for real."""
    controller = _CONTROLLERS[dialect](ControllerOptions(**{"move_s": 0.2, "keepalive_s": 0.1, **behaviour}), {})
    acknowledged: list[int] = []
    run = make_run(dialect, lambda: acknowledged.append(1), silence_s=silence_s)
    if dialect == "marlin":
        controller._last_number = FIRST_NUMBER - 1  # type: ignore[attr-defined]
    pending = b""
    for step in range(4000):
        now_s = step * _STEP_S
        if at and step in at:
            at[step](controller, now_s)
        try:
            controller.receive(run.due(now_s), now_s)
            *lines, pending = (pending + controller.poll(now_s)).split(b"\n")
            for line in lines:
                run.hear(DIALECTS[dialect].read(line.decode("ascii").strip()), now_s)
        except ArmError as error:
            return run, controller, error, len(acknowledged)
        if run.completed:
            return run, controller, None, len(acknowledged)
    raise AssertionError("neither completed nor given up")


@pytest.mark.parametrize("dialect", list(_CONTROLLERS))
def test_good_link(dialect: str) -> None:
    run, controller, error, acknowledged = drive(dialect)
    assert error is None and run.completed and run.resends == 0
    assert controller.motions == MOVES
    assert not controller.moving, "completed is said only when nothing moves any more"
    assert acknowledged == 1


_CHANCE = st.sampled_from([0.0, 0.05, 0.2, 0.4])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(_CONTROLLERS)),
    _CHANCE,
    _CHANCE,
    st.integers(0, 10_000),
    st.one_of(st.none(), st.integers(0, 80)),
)
def test_no_line_ever_moves_it_twice(dialect: str, drop: float, delay: float, seed: int, reset_at: int | None) -> None:
    at = {} if reset_at is None else {reset_at: lambda controller, now_s: controller.reset(now_s)}
    run, controller, error, _ = drive(dialect, at, drop=drop, delay=delay, delay_s=0.15, seed=seed)
    assert controller.motions in ([], MOVES[:1], MOVES)
    if run.completed:
        assert controller.motions == MOVES and not controller.moving
    if isinstance(error, ArmNotAcknowledgedError):
        assert dialect == "marlin"


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_grbl_gets_over_what_is_lost(seed: int) -> None:
    run, controller, error, _ = drive("grbl", silence_s=3.0, drop=0.05, seed=seed)
    assert error is None and run.completed, "only a reset leaves it unknown"
    assert controller.motions == MOVES and not controller.moving


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0, 0.5), st.integers(0, 10_000))
def test_marlin_moves_once_over_any_link(drop: float, corrupt: float, duplicate: float, seed: int) -> None:
    _, controller, error, _ = drive("marlin", drop=drop, corrupt=corrupt, duplicate=duplicate, seed=seed)
    assert controller.motions in ([], MOVES[:1], MOVES)
    if error is None:
        assert controller.motions == MOVES and not controller.moving


class Dialogue:
    """A run with a clock, for single sentences."""

    def __init__(self, dialect: str = "marlin") -> None:
        self.acknowledged = 0
        self.now_s = 0.0
        self.run = make_run(dialect, self._acknowledge, attempts=3)

    def _acknowledge(self) -> None:
        self.acknowledged += 1

    def hear(self, line: str, dialect: str = "marlin") -> None:
        self.run.hear(DIALECTS[dialect].read(line), self.now_s)

    def wait(self, seconds: float) -> bytes:
        self.now_s += seconds
        return self.run.due(self.now_s)


def test_lost_ok_is_recovered_by_the_number() -> None:
    talk = Dialogue()
    first = talk.wait(0)
    assert first == marlin_line(FIRST_NUMBER, "G90")
    assert talk.wait(0.4) == b""
    assert talk.wait(0.2) == first, "silence: the same line under the same number"
    talk.hear(f"Error:Line Number is not Last Line Number+1, Last Line: {FIRST_NUMBER}")
    talk.hear(f"Resend: {FIRST_NUMBER + 1}")
    assert talk.acknowledged == 1, "that it wants the next one proves that it has the first"
    assert talk.wait(0.1) == marlin_line(FIRST_NUMBER + 1, "G0 X10")


def test_ok_that_belongs_to_a_resend_is_not_counted() -> None:
    talk = Dialogue()
    first = talk.wait(0)
    talk.hear(f"Resend: {FIRST_NUMBER}")
    talk.hear("ok")
    assert talk.acknowledged == 0
    assert talk.wait(0.1) == first
    talk.hear("ok")
    assert talk.acknowledged == 1


def test_keep_alive_extends_patience() -> None:
    talk = Dialogue()
    talk.wait(0)
    for _ in range(40):
        talk.hear("echo:busy: processing")
        assert talk.wait(0.4) == b""


def test_number_of_another_life_means_reset() -> None:
    talk = Dialogue()
    first = talk.wait(0)
    talk.hear("ok")
    talk.wait(0)
    talk.hear("Resend: 1")
    assert talk.wait(0.1) != first
    with pytest.raises(ArmOutcomeUnknownError, match="reset"):
        talk.hear("Resend: 1")


def test_resends_have_an_end() -> None:
    talk = Dialogue()
    talk.wait(0)
    with pytest.raises(ArmNotAcknowledgedError):
        for _ in range(4):
            talk.hear(f"Resend: {FIRST_NUMBER}")
            talk.wait(0.1)


def test_report_that_was_lost_is_asked_for_again() -> None:
    talk = Dialogue()
    for _ in range(5):
        assert talk.wait(0.01)
        talk.hear("ok")
    assert not talk.run.completed
    talk.wait(0.01)
    assert talk.wait(0.01) == marlin_line(FIRST_NUMBER + 5, f"M118 done {FIRST_NUMBER + 5}")
    talk.hear(f"done {FIRST_NUMBER - 3}")
    talk.hear("X:0.00 Y:0.00 Z:0.00")
    assert not talk.run.completed, "a late report of another command, or a position, is no end"
    talk.hear(f"done {FIRST_NUMBER + 5}")
    assert talk.run.completed


def test_no_number_is_used_for_two_lines() -> None:
    talk = Dialogue()
    for _ in range(5):
        assert talk.wait(0.01)
        talk.hear("ok")
    talk.hear(f"Resend: {FIRST_NUMBER + 2}")  # a late one: it makes the host step back
    talk.hear(f"done {FIRST_NUMBER + 4}")
    assert isinstance(talk.run, MarlinRun)
    assert talk.run.completed and talk.run.next_number == FIRST_NUMBER + 5


def test_end_told_by_an_earlier_line_means_numbering_anew() -> None:
    talk = Dialogue()
    for _ in range(5):
        assert talk.wait(0.01)
        talk.hear("ok")
    talk.wait(0.01)
    assert b"done" in talk.wait(0.01)
    talk.hear(f"done {FIRST_NUMBER + 4}")
    assert isinstance(talk.run, MarlinRun)
    assert talk.run.completed and not talk.run.in_step, "whether line 1005 arrived is not known"


def test_marlin_without_m118_says_as_much_by_complaining() -> None:
    talk = Dialogue()
    for _ in range(5):
        assert talk.wait(0.01)
        talk.hear("ok")
    talk.hear(f'echo:Unknown command: "M118 done {FIRST_NUMBER + 4}"')
    assert talk.run.completed


def test_damaged_n_is_not_the_scripts_fault() -> None:
    talk = Dialogue()
    talk.wait(0)
    talk.hear('echo:Unknown command: "G1000 G90"')
    talk.hear('echo:Unknown command: "X1"')
    with pytest.raises(ArmFaultError) as caught:
        talk.hear('echo:Unknown command: "G90"')
    assert not caught.value.started


def _be_idle(talk: Dialogue, reports: int = 4) -> bytes:
    """What the host sends besides ``?`` while GRBL says that it is idle."""
    sent = b""
    for _ in range(reports):
        talk.hear("<Idle|MPos:0,0,0>", "grbl")
        sent += talk.wait(0.3).replace(b"?", b"")
    return sent


def _doubt(*taken: str) -> Dialogue:
    """GRBL has said ok to some lines, is idle, and owes the ok of the next."""
    talk = Dialogue("grbl")
    for line in taken:
        assert talk.wait(0.01) == line.encode() + b"\n"
        talk.hear("ok", "grbl")
    assert talk.wait(0.01)
    assert _be_idle(talk, 3) == b"" and _be_idle(talk, 1) == b"\n$G\n"
    return talk


def _modes(tool: int) -> str:
    return f"[GC:G0 G54 G17 G21 G90 G94 M5 M9 T{tool} F0 S0]"


def test_grbl_that_lost_only_its_ok_is_believed() -> None:
    talk = _doubt("T11", "T22 G90")
    for line in ("ok", _modes(33), "ok"):
        talk.hear(line, "grbl")
    assert _be_idle(talk, 3) == b"T44 G0 X20\n", "the first report comes too soon to tell that all has been said"
    assert talk.run.resends == 0


def test_grbl_that_never_had_the_line_gets_it_again() -> None:
    talk = _doubt("T11", "T22 G90")
    for line in ("ok", _modes(22), "ok"):
        talk.hear(line, "grbl")
    assert _be_idle(talk, 3) == b"T33 G0 X10\n"
    assert talk.run.resends == 1
    talk.hear("ok", "grbl")
    assert talk.wait(0.01) == b"T44 G0 X20\n"


@pytest.mark.parametrize("tool", [0, 11, 44, 3])
def test_grbl_that_was_reset_or_obeyed_another_line(tool: int) -> None:
    talk = _doubt("T11", "T22 G90")
    talk.hear(_modes(tool), "grbl")
    with pytest.raises(ArmOutcomeUnknownError, match="last line"):
        _be_idle(talk, 3)


def test_grbl_that_does_not_tell() -> None:
    talk = _doubt("T11")
    with pytest.raises(ArmOutcomeUnknownError, match="idle"):
        for question in (b"\n$G\n", b"\n$G\n", b""):
            assert _be_idle(talk) == question
    assert talk.acknowledged == 0, "that it has a tag is not that it has the command"


def test_relative_of_grbl_that_refuses_tags_goes_without() -> None:
    talk = Dialogue("grbl")
    assert talk.wait(0.01) == b"T11\n"
    talk.hear("error:38", "grbl")
    assert talk.wait(0.01) == b"T22 G90\n"
    with pytest.raises(ArmOutcomeUnknownError, match="idle"):
        _be_idle(talk)


def test_lines_that_carry_tags() -> None:
    lines = ["g90", "$H", "G0 X1 (then turn)"]
    assert tag_lines(lines) == (["T11", "T22 g90", "$H", "T44 G0 X1 (then turn)"], [11, 22, 0, 44])
    assert tag_lines(["G0 X1", "M6 T2"]) == (["G0 X1", "M6 T2"], [0, 0])
    _, tags = tag_lines(["G4 P0"] * 40)
    assert all(a != b for a, b in pairwise(tags)) and all(tag // 10 == tag % 10 for tag in tags)


@pytest.mark.parametrize(("state", "number"), [("Hold:0", 21), ("Door:1", 21), ("Alarm", 20)])
def test_grbl_that_somebody_stopped(state: str, number: int) -> None:
    talk = Dialogue("grbl")
    talk.wait(0)
    with pytest.raises(ArmFaultError) as caught:
        talk.hear(f"<{state}|MPos:0,0,0>", "grbl")
    assert caught.value.number == number


def test_uarm_firmware_3_is_asked_until_it_stands_still() -> None:
    talk = Dialogue("uarm")
    for ticket in (1, 2, 3):
        assert talk.wait(0.01).startswith(b"#%d " % ticket)
        talk.hear(f"${ticket} ok", "uarm")
    assert talk.wait(0.01) == b"#4 M2200\n"
    talk.hear("$4 ok V1", "uarm")
    assert not talk.run.completed and b"M2200" not in talk.wait(0.01)
    assert talk.wait(0.2) == b"#5 M2200\n"
    talk.hear("$5 ok V0", "uarm")
    assert talk.run.completed


def test_unknown_kinds_of_lines_change_nothing() -> None:
    for dialect in _CONTROLLERS:
        talk = Dialogue(dialect)
        talk.wait(0)
        talk.run.hear(Answer("other", text="hello"), 0.0)
        assert not talk.run.completed and talk.acknowledged == 0
