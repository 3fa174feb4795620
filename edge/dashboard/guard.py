"""What every request passes before it reaches the page: is it ours to answer, and may it be?

* The ``Host`` must be one of this machine's names: a foreign page whose name was made to point here (DNS rebinding)
  cannot read or command anything, also on the loopback address.
* What another site's page asks for is refused (``Sec-Fetch-Site``, ``Origin``), except that a link may lead here.
* What changes something is a POST with a JSON content type, which no foreign page can send without being asked first.
* Behind a token, everything but the bare page needs it.
* Every answer forbids scripts from elsewhere, framing, sniffing and storing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sorter.cli import warn
from sorter.edge.dashboard.access import Access, Patience
from sorter.edge.dashboard.options import DashboardOptions, is_loopback

BODY_BYTES = 16 * 1024
"""Longest body that is read; the page's own have less than 200."""

HEAD_BYTES = 16 * 1024
"""Longest request line with its headers."""

ANSWER_S = 15.0
"""Longest time that one request may take, reading and writing included."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}

_CHALLENGE = {"WWW_Authenticate": "Bearer"}


@dataclass(frozen=True)
class HostNames:
    """The names under which a browser may ask for the page."""

    loopback: bool
    names: frozenset[str]

    def allow(self, header: str) -> bool:
        """Whether a ``Host`` header names this machine."""
        host = host_of(header)
        if host in self.names or is_loopback(host):
            return True
        # Nobody can make an address, unlike a name, point elsewhere.
        return not self.loopback and _is_address(host)


def make_host_names(options: DashboardOptions) -> HostNames:
    """The names given, and, where other machines can reach the page, this machine's own."""
    names = {name.lower() for name in options.hosts}
    if not options.loopback:
        own = socket.gethostname().lower()
        names |= {options.host.lower(), own, f"{own.partition('.')[0]}.local"}
    return HostNames(options.loopback, frozenset(names))


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without port and brackets."""
    host, separator, port = header.rpartition(":")
    if not separator or not port.isdecimal() or (":" in host and not host.startswith("[")):
        host = header
    return host.strip("[]").lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def refuse(status: int, error: str, hint: str = "", **headers: str) -> Response:
    """An answer that says no, why, and what to do."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": error, "hint": hint}, status, given)


def check_token(token: str, scope: Scope, access: Access, patience: Patience) -> Response | None:
    """None for the right token; a refusal for a wrong one, or for one that comes too soon after others."""
    address = str((scope.get("client") or ("",))[0])
    wait_s = patience.wait_s(address)
    if wait_s > 0:
        seconds = str(int(wait_s) + 1)
        return refuse(429, "Too many wrong tokens.", f"Wait {seconds} s, then try again.", Retry_After=seconds)
    if access.knows_token(token):
        patience.forget(address)
        return None
    patience.note_wrong(address)
    return refuse(401, "That is not the token.", "It was shown when the sorter was started.", **_CHALLENGE)


class Guard:
    """Wraps the application; see the module's text.

    Args:
        app: What answers the requests let through.
        access: The token.
        patience: Slows down those who guess it.
        hosts: Names of this machine.
        public: Paths that need no token.
    """

    def __init__(
        self, app: ASGIApp, access: Access, patience: Patience, hosts: HostNames, public: Iterable[str]
    ) -> None:
        self._app, self._access, self._patience, self._hosts = app, access, patience, hosts
        self._public = frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or refuses it; never raises, and never lasts longer than ``ANSWER_S``."""
        send = _with_headers(send)
        try:
            async with asyncio.timeout(ANSWER_S):
                refusal = self._refusal(scope)
                await (refusal or self._app)(scope, receive, send)
        except (TimeoutError, ClientDisconnect):
            # Uvicorn closes the connection of an answer that was not completed.
            return
        except Exception as error:
            warn(f"The operator's page could not answer {scope['path'][:80]!r}: {type(error).__name__}: {error}.")

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        rules: tuple[Callable[[Scope, Headers], Response | None], ...] = (
            _refuse_size,
            self._refuse_host,
            _refuse_other_sites,
            self._refuse_stranger,
        )
        return next((refusal for rule in rules if (refusal := rule(scope, headers))), None)

    def _refuse_host(self, _scope: Scope, headers: Headers) -> Response | None:
        given = headers.getlist("host")
        if len(given) == 1 and self._hosts.allow(given[0]):
            return None
        return refuse(421, "This sorter is not known by that name.", "Ask by its address, or allow the name.")

    def _refuse_stranger(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._access.token or scope["path"] in self._public:
            return None
        if self._access.knows_cookie(headers.get("cookie", "")):
            return None
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return refuse(401, "This needs the token.", "Open the address that was shown at the start.", **_CHALLENGE)
        return check_token(token.strip(), scope, self._access, self._patience)


def _refuse_size(scope: Scope, headers: Headers) -> Response | None:
    # The parser bounds a head that comes in pieces, not one that comes at once.
    if len(scope["raw_path"]) + sum(len(name) + len(value) + 4 for name, value in headers.raw) > HEAD_BYTES:
        return refuse(431, "The request's head is too long.", Connection="close")
    if "content-length" in headers and "transfer-encoding" in headers:
        # Two programs may read it as two different requests (RFC 9112, 6.1).
        return refuse(400, "The request has two lengths.", Connection="close")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > BODY_BYTES:
        # Closing spares both sides the rest.
        return refuse(413, "The request is too long.", Connection="close")
    return None


def _refuse_other_sites(scope: Scope, headers: Headers) -> Response | None:
    reading = scope["method"] in ("GET", "HEAD")
    site = headers.get("sec-fetch-site", "none")
    link = reading and scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
    if site not in ("same-origin", "none") and not link:
        return refuse(403, "Another site's page asks for this.", "Open the sorter's own page.")
    if reading:
        return None
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return refuse(403, "Another site's page asks for this.", "Open the sorter's own page.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return refuse(415, "Requests that change something are JSON.", "Send Content-Type: application/json.")
    return None


def _with_headers(send: Send) -> Send:
    async def write(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_HEADERS)
        await send(message)

    return write
