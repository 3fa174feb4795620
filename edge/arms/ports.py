"""From the text after ``--port`` to an arm."""

from collections.abc import Callable

from sorter.edge.arms.arm import Arm
from sorter.edge.arms.line import LineArm, LineOptions
from sorter.edge.arms.link import Link, SerialLink
from sorter.errors import ConfigError


def make_arm(address: str, options: LineOptions | None = None, on_sorted: Callable[[int], None] | None = None) -> Arm:
    """Makes the arm that an address names; opens nothing.

    Args:
        address: A serial device (``/dev/ttyUSB0``), a pyserial URL (``socket://host:port``, ``rfc2217://host:port``,
            ``loop://``) or ``sim:`` with the fields of ``SimulatedArmOptions`` as options
            (``sim:?move_s=0.5&drop=0.1``).
        options: How patient to be.
        on_sorted: For ``sim:`` only: called with the bin when a SORT is completed, from another thread.

    Raises:
        ConfigError: The address is empty or an option of ``sim:`` is wrong.
    """
    if not address:
        raise ConfigError("No port is given.", "Give --port /dev/ttyUSB0, or --port sim: for a simulated arm.")
    if address.startswith("sim:"):
        return LineArm(_simulated_link(address, on_sorted), options)
    return LineArm(SerialLink(address), options)


def _simulated_link(address: str, on_sorted: Callable[[int], None] | None) -> Link:
    from sorter.edge.simulation.address import read_options, split_address
    from sorter.edge.simulation.arm import SimulatedArmOptions
    from sorter.edge.simulation.pty import SimulatedLink

    folder, given = split_address(address)
    if folder:
        raise ConfigError(f"The simulated arm takes no folder ({folder!r}).", "Write --port sim: or sim:?move_s=0.5.")
    return SimulatedLink(read_options(SimulatedArmOptions, given), on_sorted or (lambda _bin: None))
