"""Telling systemd how the service is doing: the datagrams of sd_notify(3), which need no library."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends notifications to the service manager. Safe for use by several threads.

    Nothing here raises: a manager that does not listen must not end the sorting.

    Args:
        address: A socket's path, or ``@`` and the name of an abstract one; empty for nobody listening.
    """

    def __init__(self, address: str = "") -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str = "") -> bool:
        """Tells that the service has started; returns whether somebody was told."""
        return self.send(READY="1", **({"STATUS": status} if status else {}))

    def show(self, status: str) -> bool:
        """Gives the line that ``systemctl status`` shows."""
        return self.send(STATUS=status)

    def feed_watchdog(self, status: str = "") -> bool:
        """Tells that all is well; owed at least every ``WATCHDOG_USEC``."""
        return self.send(WATCHDOG="1", **({"STATUS": status} if status else {}))

    def stopping(self) -> bool:
        """Tells that the service is about to end."""
        return self.send(STOPPING="1")

    def send(self, **assignments: str) -> bool:
        """Sends assignments in one datagram; returns whether somebody was told."""
        if not self._address:
            return False
        # A line feed begins the next assignment: one inside a message would be obeyed.
        lines = (f"{name}={value.replace(chr(10), ' ')}" for name, value in assignments.items())
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                # A manager that is too busy to read must not hold up the loop.
                line.setblocking(False)
                line.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            return False
        return True


def make_notifier(environment: Mapping[str, str] = os.environ) -> Notifier:
    """The service manager that ``NOTIFY_SOCKET`` names; one that tells nobody where there is none.

    Addresses other than AF_UNIX (``vsock:``, for virtual machines) are for managers, not for services: left out.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    return Notifier(address if address.startswith(("/", "@")) else "")


def watchdog_timeout_s(environment: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """After how long a silence the manager ends this process; None where it keeps no watch (sd_watchdog_enabled(3)).

    Args:
        environment: ``WATCHDOG_USEC``, and ``WATCHDOG_PID`` where another process than this may have inherited it.
        pid: This process.
    """
    microseconds = environment.get("WATCHDOG_USEC", "")
    owner = environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if owner and owner != str(pid or os.getpid()):
        return None
    return int(microseconds) / 1e6
