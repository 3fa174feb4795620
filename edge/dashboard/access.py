"""Who may use the page: a token, the cookie that stands for it, and patience with wrong ones."""

import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_COOKIE_AGE_S = 30 * 24 * 3600
_ADDRESSES = 1024
"""Addresses remembered for wrong tokens; the longest forgotten one makes place."""


class Patience:
    """Slows down those who try tokens: after a few wrong ones an address must wait, longer each time.

    Only tokens are slowed, never the cookie: an operator who shares an address with somebody who guesses must still
    be able to stop the arm.

    Args:
        clock_s: Tells the time in seconds.
        free: Wrong attempts without a wait.
        longest_s: Longest wait.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic, free: int = 5, longest_s: float = 60.0) -> None:
        self._clock_s, self._free, self._longest_s = clock_s, free, longest_s
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long an address must wait before its next attempt counts; 0 for not at all."""
        attempts, since_s = self._wrong.get(_network(address), (0, 0.0))
        if attempts < self._free:
            return 0.0
        pause_s = min(2.0 ** (attempts - self._free), self._longest_s)
        return max(0.0, since_s + pause_s - self._clock_s())

    def note_wrong(self, address: str) -> None:
        """Counts a wrong token."""
        network = _network(address)
        attempts, _ = self._wrong.pop(network, (0, 0.0))
        self._wrong[network] = (min(attempts + 1, 64), self._clock_s())
        if len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)

    def forget(self, address: str) -> None:
        """A right token came from there."""
        self._wrong.pop(_network(address), None)


def _network(address: str) -> str:
    """An IPv6 user owns a /64 at least: wrong tokens count for all of it."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


@dataclass(frozen=True)
class Access:
    """The token and what is derived from it.

    Attributes:
        token: Empty where everybody who reaches the page may use it.
        cookie_name: Tells several sorters on one machine apart; cookies do not know ports.
        cookie_value: Stands for the token in a browser. It survives a restart with the same token, so that a phone
            needs the token once.
    """

    token: str
    cookie_name: str
    cookie_value: str

    def knows_cookie(self, header: str) -> bool:
        """Whether a ``Cookie`` header carries the right cookie."""
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.cookie_name and _same(value, self.cookie_value):
                return True
        return False

    def knows_token(self, token: str) -> bool:
        """Whether it is the token; takes equally long for every wrong one."""
        return _same(token, self.token)

    @property
    def set_cookie(self) -> str:
        """The ``Set-Cookie`` header after a right token."""
        return f"{self.cookie_name}={self.cookie_value}; Max-Age={_COOKIE_AGE_S}; Path=/; HttpOnly; SameSite=Strict"


def make_access(token: str, port: int) -> Access:
    """Derives the cookie from the token.

    With scrypt (RFC 7914), so that who tries cookies instead of tokens pays 16 MiB and a tenth of a second for each.
    """
    value = ""
    if token:
        value = hashlib.scrypt(token.encode(), salt=b"sorter-toolkit cookie", n=2**14, r=8, p=1, dklen=32).hex()
    return Access(token, f"sorter_{port}", value)


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())
