import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sorter.edge.arms.arm import ArmFaultError, ArmLostError, ArmNotAcknowledgedError, ArmOutcomeUnknownError
from sorter.edge.arms.gcode import GcodeArm
from sorter.edge.arms.options import ArmOptions
from sorter.edge.arms.ports import make_arm
from sorter.edge.arms.protocol import next_sequence
from sorter.edge.arms.template import TemplateArm
from sorter.edge.simulation.bench import complete_options
from sorter.edge.simulation.controller import Controller, ControllerOptions
from sorter.edge.simulation.gate import GateController
from sorter.edge.simulation.grbl import GrblController
from sorter.edge.simulation.marlin import MarlinController
from sorter.edge.simulation.pty import PtyLink
from sorter.edge.simulation.uarm import UarmController
from sorter.errors import ArmError, ConfigError

HASTY = ArmOptions(
    kind="gcode",
    handshake_timeout_s=3,
    hello_interval_s=0.05,
    acknowledge_timeout_s=0.05,
    attempts=40,
    silence_timeout_s=0.06,
    poll_s=0.02,
    motion_timeout_s=60,
)
"""For Marlin, which may be asked again as often as one likes: many short waits, so that losses cost little."""

STUBBORN_ATTEMPTS = 1000
"""For a link that is bad but not dead: a computer that stands still for a second must not look like a dead one."""

PATIENT = replace(HASTY, silence_timeout_s=2.0)
"""For the others, whose silence ends a command: a busy computer must not look like a silent arm."""

_CONTROLLERS: dict[str, type[Controller]] = {"marlin": MarlinController, "grbl": GrblController, "uarm": UarmController}
DIALECTS = list(_CONTROLLERS)


def make(
    dialect: Any, on_warning: Callable[[str], None] = lambda _text: None, **behaviour: Any
) -> tuple[GcodeArm, Controller, list[int]]:
    """An arm, its controller, and the bins into which it sorted."""
    bins: list[int] = []
    options = complete_options(replace(HASTY if dialect == "marlin" else PATIENT, dialect=dialect), 6)
    behaviour = {"move_s": 0.01, "keepalive_s": 0.03, **behaviour}
    controller = _CONTROLLERS[dialect](ControllerOptions(dialect=dialect, **behaviour), options.scripts, bins.append)
    return GcodeArm(PtyLink(controller), options, on_warning), controller, bins


@pytest.mark.parametrize(
    "behaviour",
    [
        {"drop": 0.15},
        {"corrupt": 0.15},
        {"duplicate": 0.3},
        {"delay": 0.2, "delay_s": 0.03},
        {"drop": 0.05, "corrupt": 0.05, "duplicate": 0.05, "delay": 0.05, "delay_s": 0.03, "seed": 5},
    ],
    ids=["drop", "corrupt", "duplicate", "delay", "all"],
)
def test_line_numbers_make_a_bad_link_good(behaviour: dict[str, Any]) -> None:
    arm, controller, bins = make("marlin", **behaviour)
    arm._options = replace(arm._options, attempts=STUBBORN_ATTEMPTS)
    wanted = [(5 * i) % 6 for i in range(15)]
    with arm:
        for sequence, bin_number in enumerate(wanted, start=1):
            arm.sort(bin_number, sequence)
    assert bins == wanted
    assert len(controller.motions) == len(wanted)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_grbl_tells_which_line_it_obeyed_last(seed: int) -> None:
    arm, controller, bins = make("grbl", drop=0.05, seed=seed)
    arm._options = replace(arm._options, motion_timeout_s=60, repeat_interval_s=0.1, silence_timeout_s=20)
    wanted = [sequence % 6 for sequence in range(1, 13)]
    with arm:
        for sequence, bin_number in enumerate(wanted, start=1):
            arm.sort(bin_number, sequence)
    assert bins == wanted and len(controller.motions) == len(wanted)
    assert controller._link.damage["dropped"], "the seed must lose something"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_any_number_a_lost_answer_is_an_unknown_outcome(seed: int) -> None:
    arm, controller, bins = make("uarm", drop=0.05, seed=seed)
    arm._options = replace(arm._options, motion_timeout_s=0.5)
    completed, unknown = [], 0
    with arm:
        for sequence in range(1, 13):
            try:
                arm.sort(sequence % 6, sequence)
                completed.append(sequence % 6)
            except ArmOutcomeUnknownError:
                unknown += 1
    assert unknown, "the seed must lose something that matters"
    assert len(controller.motions) <= 12, "nothing was ever sent twice"
    assert len(completed) + unknown == 12
    assert set(completed) <= set(bins) and len(bins) >= len(completed)


def test_many_resends_are_worth_one_warning() -> None:
    warnings: list[str] = []
    arm, _, _ = make("marlin", warnings.append, drop=0.25, seed=2)
    arm._options = replace(arm._options, attempts=STUBBORN_ATTEMPTS)
    with arm:
        for sequence in range(1, 13):
            arm.sort(sequence % 6, sequence)
    assert arm.resends > 0.1 * arm.sent_lines
    assert len(warnings) == 1 and "check its cable" in warnings[0]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_silence_in_the_middle(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arm, controller, _ = make(dialect, move_s=5)

    def fall_silent() -> None:
        controller.options = replace(controller.options, silent=True)
        monkeypatch.setattr(controller, "_say", lambda _line, _now_s: None)

    with pytest.raises(ArmOutcomeUnknownError, match="unknown"), arm:
        arm.sort(1, 1, fall_silent)


def test_marlin_that_never_hears_the_first_line() -> None:
    arm, controller, _ = make("marlin")
    with pytest.raises(ArmNotAcknowledgedError, match="did not acknowledge"), arm:
        controller.options = replace(controller.options, silent=True)
        arm.sort(1, 1)
    assert controller.motions == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_heartbeat_notices_silence(dialect: str) -> None:
    arm, controller, _ = make(dialect)
    with arm:
        assert arm.heartbeat().state == "IDLE"
        arm._options = replace(arm._options, attempts=3)
        controller.options = replace(controller.options, silent=True)
        with pytest.raises(ArmLostError, match="silent"):
            arm.heartbeat()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_listening_tells_of_a_reset(dialect: str) -> None:
    arm, _, _ = make(dialect)
    with arm:
        assert arm.listen(0.05) is None
        assert arm._link.reset()
        assert arm.listen(30) == "reset"
        assert arm.listen(0.05) is None
        assert arm.status().last_sequence == 0


@pytest.mark.parametrize(("dialect", "line"), [("marlin", "X99"), ("grbl", "G0 Q1"), ("grbl", "HELLO")])
def test_script_that_the_firmware_does_not_know(dialect: str, line: str) -> None:
    arm, controller, _ = make(dialect)
    arm._options = replace(arm._options, scripts={0: (line,), 1: ("G90", line), 2: ("G90", "G0 X60 Y100 F6000")})
    with arm:
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(0, 1)
        assert (caught.value.number, caught.value.started) == (3, False)
        assert line in caught.value.message and "script" in caught.value.hint
        arm.sort(2, 1)  # the refused number may be used again
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 3)
        assert (caught.value.number, caught.value.started) == (30, True)
        assert arm.status().state == "FAULT"
    assert len(controller.motions) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_start_script_waits_for_the_first_motion_and_follows_each_reset(dialect: str) -> None:
    arm, controller, _ = make(dialect)
    arm._options = replace(arm._options, start="G28")
    with arm:
        assert controller.motions == []
        arm.sort(1, 1)
        arm.sort(2, 2)
        assert controller.motions.count("G28") == 1
        arm._link.reset()
        assert arm.listen(30) == "reset"
        arm.sort(3, 3)
        assert controller.motions.count("G28") == 2


def test_marlin_may_stop_without_dying() -> None:
    arm, controller, bins = make("marlin", move_s=1)
    arm._options = replace(arm._options, stop_script="M410")
    with arm:
        stopper = threading.Thread(target=arm.stop)
        with pytest.raises(ArmFaultError) as caught:
            arm.sort(1, 1, stopper.start)
        stopper.join(60)
        assert caught.value.number == 21
        arm.resume()
        arm.sort(2, 3)
    assert bins == [2] and len(controller.motions) <= 2


def test_stop_that_nobody_confirms() -> None:
    arm, controller, _ = make("grbl")
    with arm:
        controller.options = replace(controller.options, silent=True)
        with pytest.raises(ArmError, match="did not confirm") as caught:
            arm.stop()
        assert "power" in caught.value.hint
        with pytest.raises(ArmFaultError):
            arm.sort(1, 1)


def test_grbl_that_hit_its_limit_is_woken_by_another_program() -> None:
    arm, controller, bins = make("grbl")
    with arm:
        controller.jam()
        with pytest.raises(ArmFaultError, match="hard limit"):
            arm.sort(1, 1)
    other = GcodeArm(PtyLink(controller), arm._options)
    with other:
        assert other.status().state == "FAULT"
        with pytest.raises(ArmFaultError):
            other.sort(1, 1)
        other.resume()
        other.sort(2, next_sequence(other.last_sequence))
    assert bins == [2]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_wrong_dialect_or_no_answer(dialect: str) -> None:
    silent, _, _ = make(dialect, silent=True)
    silent._options = replace(silent._options, handshake_timeout_s=0.2)
    with pytest.raises(ArmError, match=r"No .* answered"):
        silent.open()
    wrong: Any = {"marlin": "grbl", "grbl": "uarm", "uarm": "marlin"}[dialect]
    options = replace(complete_options(replace(HASTY, dialect=wrong), 6), handshake_timeout_s=0.3)
    _, controller, _ = make(dialect)
    with pytest.raises(ArmError) as caught:
        GcodeArm(PtyLink(controller), options).open()
    assert caught.value.hint


@pytest.mark.parametrize("dialect", DIALECTS)
def test_port_that_disappears(dialect: str) -> None:
    arm, _, bins = make(dialect, move_s=1)
    link = arm._link
    assert isinstance(link, PtyLink)
    with pytest.raises(ArmLostError), arm:
        assert link.port is not None
        unplug = threading.Thread(target=link.port.stop)
        arm.sort(1, 1, unplug.start)
    unplug.join()
    with arm:
        # The stop on leaving could not be delivered either: it moves again only when somebody has looked.
        assert arm.status().state == "STOPPED"
        with pytest.raises(ArmFaultError):
            arm.sort(2, 2)
        arm.resume()
        arm.sort(2, next_sequence(arm.last_sequence))
    assert bins[-1] == 2


def test_arm_without_park_script_says_so() -> None:
    arm, _, _ = make("marlin")
    arm._options = replace(arm._options, park="")
    with arm, pytest.raises(ConfigError, match="rest position"):
        arm.home()


def _gate(
    reply: str = "DONE", patience_s: float = 30, **behaviour: Any
) -> tuple[TemplateArm, GateController, list[int]]:
    bins: list[int] = []
    options = replace(
        complete_options(replace(HASTY, kind="template"), 4), reply=reply, move_s=0.1, motion_timeout_s=patience_s
    )
    messages = {n: f"GATE {n}\n".encode() for n in range(4)}
    gate = GateController(ControllerOptions(**{"move_s": 0.02, **behaviour}), messages, bins.append)
    return TemplateArm(PtyLink(gate), options), gate, bins


def test_template_that_loses_its_reply_is_not_asked_twice() -> None:
    arm, gate, _ = _gate(patience_s=0.5, drop=0.3, seed=4)
    unknown = 0
    with arm:
        for sequence in range(1, 9):
            try:
                arm.sort(sequence % 4, sequence)
            except ArmOutcomeUnknownError:
                unknown += 1
    assert unknown and len(gate.motions) <= 8


def test_template_without_reply_waits_for_its_motion() -> None:
    arm, _, bins = _gate(reply="")
    with arm:
        started_s = time.monotonic()
        arm.sort(1, 1)
        assert time.monotonic() - started_s >= 0.1  # a lower bound only: it must not come back at once
        deadline_s = time.monotonic() + 30
        while not bins and time.monotonic() < deadline_s:
            time.sleep(0.01)  # the simulated device's thread may be late
    assert bins == [1]


def test_template_that_refuses() -> None:
    arm, gate, bins = _gate()
    with arm:
        gate.jam()
        with pytest.raises(ArmFaultError, match="FAIL") as caught:
            arm.sort(1, 1)
        assert caught.value.number == 30
        arm.resume()
        arm.sort(2, 3)
    assert bins == [2]


def test_template_without_stop_message_says_that_power_must_be_cut() -> None:
    arm, _, _ = _gate()
    arm._options = replace(arm._options, stop_message="")
    with arm:
        with pytest.raises(ArmError, match="stop_message") as caught:
            arm.stop()
        assert "power" in caught.value.hint
        with pytest.raises(ArmFaultError):
            arm.sort(1, 1)


def test_template_that_is_somebody_else() -> None:
    arm, _, _ = _gate(silent=True)
    arm._options = replace(arm._options, handshake_timeout_s=0.2)
    with pytest.raises(ArmError, match="hello_reply"):
        arm.open()


def test_addresses_choose_the_kind() -> None:
    assert isinstance(make_arm("sim:?kind=gcode&dialect=grbl"), GcodeArm)
    assert isinstance(make_arm("sim:?kind=template"), TemplateArm)
    for address, message in (
        ("sim:?kind=crane", "kind"),
        ("sim:?kind=gcode&dialect=x", "dialect"),
        ("sim:?kind=gcode&nme=x", "nme"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_arm(address)
