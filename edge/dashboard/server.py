"""The web server in a thread of its own: bounded in connections, headers and time."""

import asyncio
import contextlib
import errno
import socket
import threading
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sorter.edge.dashboard.guard import HEAD_BYTES
from sorter.edge.dashboard.options import DashboardOptions
from sorter.errors import ConfigError

CONNECTIONS = 64
"""Most connections at a time; a further one takes the place of the one that has been idle longest."""

IDLE_S = 15.0
"""A connection that brings no complete request for so long is closed, however busily it dribbles."""

_START_S = 20.0


def open_socket(options: DashboardOptions) -> socket.socket:
    """Listens where the options say.

    Raises:
        ConfigError: The port is in use, needs more rights, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"The operator's page cannot be served at {options.address}: there is no host {options.host!r}.",
            "Use 127.0.0.1 for this machine alone, 0.0.0.0 for the whole network.",
        ) from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(CONNECTIONS)
    except OSError as error:
        listener.close()
        raise _explain(options, error) from error
    return listener


def _explain(options: DashboardOptions, error: OSError) -> ConfigError:
    reasons = {
        errno.EADDRINUSE: ("the port is in use", "Choose another port, or end the program that has it."),
        errno.EADDRNOTAVAIL: (
            "this machine has no such address",
            "Use 127.0.0.1 for this machine alone, 0.0.0.0 for the whole network.",
        ),
        errno.EACCES: ("ports below 1024 need more rights", "Choose a port above 1023, for example 8080."),
    }
    reason, hint = reasons.get(error.errno or 0, (error.strerror or str(error), "Choose another address."))
    return ConfigError(f"The operator's page cannot be served at {options.address}: {reason}.", hint)


class _Connection(H11Protocol):
    """A connection that must bring a whole request in time, and gives way when there are too many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.quiet_since_s = self.loop.time()
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a whole request is being answered; that takes bounded time."""
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Makes room where there are too many."""
        super().connection_made(transport)
        self._wait_for_request()
        if len(self.connections) > CONNECTIONS:
            idle = [c for c in self.connections if isinstance(c, _Connection) and not c.busy and c is not self]
            (min(idle, key=lambda c: c.quiet_since_s) if idle else self).give_way()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the waiting."""
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        self._wait_for_request()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP; where an answer is already under way, there is nothing left to say."""
        with contextlib.suppress(h11.LocalProtocolError):
            super().send_400_response(msg)
            return
        self.give_way()

    def give_way(self) -> None:
        """Closes at once, whatever is still to be written: a peer that does not read would keep it open."""
        self.connections.discard(self)
        self.transport.abort()

    def _wait_for_request(self) -> None:
        self.quiet_since_s = self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(IDLE_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.busy:
            self._wait_for_request()
        else:
            self.give_way()


class _Server(uvicorn.Server):
    """Sleeps until it is told to end, instead of looking ten times a second; and ends without waiting for anybody."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = threading.Event()
        self._end: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    async def main_loop(self) -> None:
        """Serves until ``end``."""
        self._end, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self.serving.set()
        await self._end.wait()

    def end(self) -> None:
        """To be called from another thread, once ``serving`` is set."""
        self._loop.call_soon_threadsafe(self._end.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes everything at once."""
        for listener in sockets or ():
            self._loop.remove_reader(listener)
        # A connection accepted just now must become one that can be closed: a server that is closed first forgets it.
        await asyncio.sleep(0.01)
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Connection):
                connection.give_way()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class WebServer:
    """Serves an application from a thread of its own.

    Args:
        app: What answers.
        listener: A listening socket; closed at the end.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http=_Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            # What strangers send is no news; what goes wrong here is told by the guard.
            log_level="critical",
            access_log=False,
            # A header must not be able to say who asks.
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=int(IDLE_S),
            backlog=CONNECTIONS,
        )
        self._server = _Server(config)
        self._listener = listener
        self._thread = threading.Thread(target=self._serve, name="dashboard", daemon=True)

    def start(self) -> None:
        """Starts serving, and returns as soon as it does."""
        self._thread.start()
        self._server.serving.wait(_START_S)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Ends it, open connections included."""
        if self._server.serving.is_set():
            self._server.end()
        self._thread.join(timeout_s)
        self._listener.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._listener])
