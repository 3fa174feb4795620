"""From the text after ``--port`` to an arm."""

from collections.abc import Callable
from dataclasses import fields

from sorter.edge.arms.arm import Arm
from sorter.edge.arms.gcode import GcodeArm
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.link import Link, SerialLink
from sorter.edge.arms.options import ArmOptions, LineOptions, require_bins
from sorter.edge.arms.template import TemplateArm
from sorter.errors import ConfigError


def make_arm(address: str, options: LineOptions | None = None, on_sorted: Callable[[int], None] | None = None) -> Arm:
    """Makes the arm that an address names; opens nothing.

    Args:
        address: A serial device (``/dev/ttyUSB0``), a pyserial URL (``socket://host:port``, ``rfc2217://host:port``,
            ``loop://``) or ``sim:`` with ``kind``, ``dialect`` and the fields of ``SimulatedArmOptions`` or
            ``ControllerOptions`` as options (``sim:?move_s=0.5&drop=0.1``, ``sim:?kind=gcode&dialect=grbl``).
        options: Of what kind the arm is, what to send, and how patient to be.
        on_sorted: For ``sim:`` only: called with the bin when an object has been sorted, from another thread.

    Raises:
        ConfigError: The address is empty, an option of ``sim:`` is wrong, or the arm is not told what to send.
    """
    if not address:
        raise ConfigError("No port is given.", "Give --port /dev/ttyUSB0, or --port sim: for a simulated arm.")
    whole = _whole(options)
    if address.startswith("sim:"):
        return _simulated_arm(address, whole, on_sorted or (lambda _bin: None))
    require_bins(whole)
    return _arm_at(SerialLink(address, whole.baud), whole)


def _whole(options: LineOptions | None) -> ArmOptions:
    if isinstance(options, ArmOptions):
        return options
    return ArmOptions(**{f.name: getattr(options, f.name) for f in fields(options)} if options else {})


def _arm_at(link: Link, options: ArmOptions) -> Arm:
    if options.kind == "gcode":
        return GcodeArm(link, options)
    return TemplateArm(link, options) if options.kind == "template" else LineArm(link, options)


def _simulated_arm(address: str, options: ArmOptions, on_sorted: Callable[[int], None]) -> Arm:
    from sorter.edge.simulation.address import split_address
    from sorter.edge.simulation.bench import make_simulated_arm
    from sorter.edge.simulation.pty import PtyLink

    folder, given = split_address(address)
    if folder:
        raise ConfigError(f"The simulated arm takes no folder ({folder!r}).", "Write --port sim: or sim:?move_s=0.5.")
    device, options = make_simulated_arm(given, options, on_sorted)
    return _arm_at(PtyLink(device), options)
