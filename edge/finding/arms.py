"""Serial ports, and the arms that answer there.

Only a USB port that nobody uses is asked by itself, and any port that the user names. Other ports may be a console, a
modem or the Bluetooth chip, and bytes that are harmless to an arm are not harmless to everything.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sorter.edge.arms.arm import ArmIdentity, describe_bins
from sorter.edge.arms.line import LineArm
from sorter.edge.arms.link import SerialLink
from sorter.edge.finding.usb import UsbIdentity, lasting_names, resolve, usb_identity, users_of
from sorter.errors import ConfigError, SorterError

_LASTING = ("/dev/serial/by-id", "/dev/serial/by-path")


@dataclass(frozen=True)
class FoundPort:
    """A serial port.

    Attributes:
        device: Its device file, or the address that was named.
        description: What the driver calls it.
        usb: The USB device behind it.
        lasting: Names that stay the same over restarts, best first.
        users: Programs that have it open.
        identity: The arm that answered, if one did.
        trouble: Why it was not asked, or did not answer; empty otherwise.
        hint: What to do about that.
    """

    device: str
    description: str = ""
    usb: UsbIdentity | None = None
    lasting: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    identity: ArmIdentity | None = None
    trouble: str = ""
    hint: str = ""

    @property
    def best_name(self) -> str:
        """What to give to ``--port``."""
        # Where several devices have the same by-id name, udev lets the link point to one of them: it would not be in
        # this port's list unless it is this one.
        return self.lasting[0] if self.lasting else self.device

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        arm = None
        if self.identity is not None:
            status = self.identity.status
            arm = {"name": self.identity.name, "version": self.identity.version, "state": status.state}
            arm |= {"bins": sorted(self.identity.bins), "last_sequence": self.identity.last_sequence}
        return {
            "device": self.device,
            "port": self.best_name,
            "description": self.description,
            "usb": vars(self.usb) if self.usb else None,
            "lasting": list(self.lasting),
            "users": list(self.users),
            "arm": arm,
            "trouble": self.trouble,
            "hint": self.hint,
        }

    def describe(self) -> str:
        """For people: a line for the port, and indented what is known of it."""
        kind = self.usb.board if self.usb else ""
        usb = f"{self.usb.vendor}:{self.usb.product}" if self.usb else ""
        serial = f"serial number {self.usb.serial}" if self.usb and self.usb.serial else ""
        facts = ", ".join(fact for fact in (self.description, kind, usb, serial) if fact)
        lines = [f"{self.device}  {facts}".rstrip()]
        if self.identity is not None:
            state = self.identity.status.state
            lines.append(f"  arm   {self.identity.name}, {describe_bins(self.identity.bins)}, {state}")
        if self.identity is not None or not self.trouble:
            lines.append(f"  use   --port {self.best_name}")
        if self.trouble:
            lines.append(f"  note  {self.trouble} {self.hint}".rstrip())
        return "\n".join(lines)


def find_ports(named: Iterable[str] = (), root: Path = Path("/")) -> tuple[FoundPort, ...]:
    """Lists serial ports without opening any.

    Args:
        named: Ports to list besides those that are plugged in: pseudo-terminals, ``socket://host:port``.
        root: Where ``/sys``, ``/dev`` and ``/proc`` are found.

    Raises:
        ConfigError: pyserial is not installed.
    """
    try:
        from serial.tools.list_ports import comports
    except ImportError as error:
        raise ConfigError(
            "Looking for arms needs pyserial, which is not installed.", "Run: pip install 'sorter-toolkit[edge]'"
        ) from error
    descriptions = {port.device: port.description for port in comports()}
    found = [_look_at(device, description, root) for device, description in sorted(descriptions.items())]
    extra = [name for name in named if not any(resolve(name) == resolve(port.device) for port in found)]
    return (*found, *(_look_at(name, "", root) if "://" not in name else FoundPort(name) for name in extra))


def _look_at(device: str, description: str, root: Path) -> FoundPort:
    return FoundPort(
        device,
        description if description != "n/a" else "",
        usb_identity(device, "tty", root),
        lasting_names(device, _LASTING, root),
        users_of(device, root),
    )


def ask_ports(
    ports: Iterable[FoundPort], named: Iterable[str] = (), ask: Callable[[str], ArmIdentity] | None = None
) -> tuple[FoundPort, ...]:
    """Asks who is there, at all ports at once: an arm that is silent costs the whole handshake's time.

    Args:
        ports: What was found.
        named: Ports that are asked even though they are no USB ports.
        ask: Asks one port, given its name.
    """
    named_files = {resolve(name) for name in named}
    found = tuple(ports)
    with ThreadPoolExecutor(max_workers=max(1, len(found))) as pool:
        return tuple(pool.map(lambda port: _ask(port, resolve(port.device) in named_files, ask or ask_arm), found))


def _ask(port: FoundPort, named: bool, ask: Callable[[str], ArmIdentity]) -> FoundPort:
    hint = f"To ask it all the same: sorter-find arms {port.device}"
    if port.users and not named:
        return replace(port, trouble=f"It is in use by {', '.join(port.users)} and was not asked.", hint=hint)
    if port.usb is None and not named:
        return replace(port, trouble="It is no USB port and was not asked.", hint=hint)
    try:
        return replace(port, identity=ask(port.device))
    except SorterError as error:
        return replace(port, trouble=error.message, hint=error.hint)


def ask_arm(port: str) -> ArmIdentity:
    """Opens a port, says HELLO, and closes it again; nothing moves, also not an arm that was moving before.

    Opening resets many boards (an Arduino's DTR line does it); an arm's firmware may then go to its rest position.

    Raises:
        ArmError: The port does not open, or nothing that speaks line protocol 1 answers.
    """
    link = SerialLink(port)
    try:
        return LineArm(link).open()
    finally:
        # The link and not the arm: closing an arm stops it where it moves, and it is not ours to stop.
        link.close()
