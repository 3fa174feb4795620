"""Simulated arms of every kind, and the options with which a program drives them."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from sorter.edge.arms.messages import read_message
from sorter.edge.arms.options import ArmOptions
from sorter.edge.simulation.address import read_options
from sorter.edge.simulation.arm import SimulatedArm, SimulatedArmOptions
from sorter.edge.simulation.controller import Controller, ControllerOptions
from sorter.edge.simulation.device import SimulatedDevice
from sorter.edge.simulation.gate import GateController
from sorter.edge.simulation.grbl import GrblController
from sorter.edge.simulation.marlin import MarlinController
from sorter.edge.simulation.uarm import UarmController

_CONTROLLERS: dict[str, Callable[..., Controller]] = {
    "marlin": MarlinController,
    "grbl": GrblController,
    "uarm": UarmController,
}


def make_simulated_arm(
    given: Mapping[str, str],
    options: ArmOptions,
    on_sorted: Callable[[int], None] = lambda _bin: None,
    on_line: Callable[[str, bytes], None] = lambda _direction, _line: None,
) -> tuple[SimulatedDevice, ArmOptions]:
    """Makes the simulated arm that an address asks for.

    Args:
        given: The options of the address ``sim:?...``: ``kind``, ``dialect``, and the fields of
            ``SimulatedArmOptions`` or ``ControllerOptions``.
        options: What the program knows of its arm; ``kind`` and ``dialect`` of the address come first.
        on_sorted: Called with the bin when an object has been sorted.
        on_line: Called with ``"in"`` or ``"out"`` and each line as it passes the link.

    Returns:
        The device, and the options completed by scripts or messages that it understands, where none were given.

    Raises:
        ConfigError: An option does not exist or is impossible.
    """
    rest = dict(given)
    changes = {name: rest.pop(name) for name in ("kind", "dialect") if name in rest}
    options = replace(options, **changes)  # type: ignore[arg-type]
    if options.kind == "line":
        return SimulatedArm(read_options(SimulatedArmOptions, rest), on_sorted, on_line), options
    behaviour = replace(read_options(ControllerOptions, rest, leave_out=("dialect",)), dialect=options.dialect)
    options = complete_options(options, behaviour.bins)
    if options.kind == "gcode":
        return _CONTROLLERS[options.dialect](behaviour, options.scripts, on_sorted, on_line), options
    messages = {number: read_message(text, f"Message {number}") for number, text in options.messages.items()}
    return GateController(behaviour, messages, on_sorted, on_line), options


def complete_options(options: ArmOptions, bins: int) -> ArmOptions:
    """Options that a simulated arm of this kind understands: those given, or else made up for so many bins."""
    if options.kind == "gcode" and not options.scripts:
        scripts = {number: ("G90", f"G0 X{20 * number + 20} Y100 F6000") for number in range(bins)}
        return replace(options, scripts=scripts, park=options.park or "G0 X0 Y0 F6000")
    if options.kind == "template" and not options.messages:
        return replace(
            options,
            messages={number: f"GATE {number}\\n" for number in range(bins)},
            reply="DONE",
            refusal="FAIL",
            home_message="HOME\\n",
            stop_message="STOP\\n",
            hello_message="ID?\\n",
            hello_reply="I am ([a-z-]+)",
        )
    return options


def keep_known(values: Mapping[str, Any]) -> dict[str, str]:
    """Options of a command line as those of an address, without those that this kind of arm does not have."""
    kind = SimulatedArmOptions if values["kind"] == "line" else ControllerOptions
    known = {f.name for f in fields(kind)} | {"kind", "dialect"}
    texts = {name: str(int(value) if isinstance(value, bool) else value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if name in known}


def describe_bins_of(options: ArmOptions) -> list[str]:
    """What a program has to send for each bin, a line each; none for an arm that knows its bins itself."""
    if options.kind == "gcode":
        return [f"Bin {number}: {' | '.join(script)}" for number, script in options.scripts.items()]
    return [f"Bin {number}: {message}" for number, message in options.messages.items()]
