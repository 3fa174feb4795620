"""What the operator's page is asked to be."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from sorter.errors import ConfigError

LEAST_TOKEN = 12
"""Letters of the shortest token: with the slowed attempts, guessing one takes longer than any sorter lives."""

_FORM_HINT = "For example 127.0.0.1:8080 for this machine alone, 0.0.0.0:8080 for the whole network."


@dataclass(frozen=True)
class DashboardOptions:
    """Where the page is served, and for whom.

    Attributes:
        address: ``host:port``; an IPv6 address stands in brackets. Port 0 takes a free one.
        token: What opens the page; empty: none on the loopback address, a new one each start on any other.
        corrections: Folder for pictures that a person has given another label: one folder a class.
        hosts: Further names under which a browser may ask for the page, for example behind a proxy.
        title: What the page is called; tells several sorters apart.
    """

    address: str = "127.0.0.1:8080"
    token: str = ""
    corrections: Path = Path("corrections")
    hosts: tuple[str, ...] = ()
    title: str = "Sorter"

    def __post_init__(self) -> None:
        host, separator, port = self.address.rpartition(":")
        bare_ipv6 = ":" in host and not host.startswith("[")
        if not separator or not host.strip("[]") or bare_ipv6 or not port.isascii() or not port.isdecimal():
            raise ConfigError(f"{self.address!r} is not an address of the form host:port.", _FORM_HINT)
        if int(port) > 65535:
            raise ConfigError(f"There is no port {port}.", "Choose one between 1024 and 65535.")
        if self.token and (len(self.token) < LEAST_TOKEN or not self.token.isascii() or not self.token.isprintable()):
            raise ConfigError(
                f"The page's token must have at least {LEAST_TOKEN} letters or digits.",
                "Leave it out, and a good one is made at each start.",
            )
        if not self.title.strip() or not self.title.isprintable() or len(self.title) > 80:
            raise ConfigError("The page's title must be one line of at most 80 letters.")

    @property
    def host(self) -> str:
        """Where to listen, without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Where to listen; 0 for any free port."""
        return int(self.address.rpartition(":")[2])

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
