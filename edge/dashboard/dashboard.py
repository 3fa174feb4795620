"""The operator's page as one thing to enter and leave."""

import secrets
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from sorter.edge.control import Control
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.monitor import Monitor
from sorter.edge.pictures import RecentPictures
from sorter.errors import ConfigError


class Dashboard:
    """Serves the operator's page, ``/metrics`` and ``/healthz`` while it is entered.

    Everything happens in threads of its own; the loop's thread only hands over durations and objects.

    Args:
        options: Where, and for whom.
        monitor: What the running sorter shows.
        control: What can be asked of it.
        pictures: Of its latest objects.

    Attributes:
        url: What to open in a browser, with the token where one is needed; empty before it is entered.
    """

    def __init__(self, options: DashboardOptions, monitor: Monitor, control: Control, pictures: RecentPictures) -> None:
        self._options, self._monitor, self._control, self._pictures = options, monitor, control, pictures
        self._entered = ExitStack()
        self.url = ""

    def __enter__(self) -> Self:
        """Starts serving.

        Raises:
            ConfigError: The port is in use, the address is not this machine's, or the extra is not installed.
        """
        try:
            from sorter.edge.dashboard import assembly
        except ImportError as error:
            raise ConfigError(
                f"The operator's page needs {error.name}, which is not installed.",
                "Install it: pip install 'sorter-toolkit[dashboard]'",
            ) from error
        options = self._options
        token = options.token or ("" if options.loopback else secrets.token_urlsafe(16))
        with ExitStack() as entered:
            listener = assembly.open_socket(options)
            entered.callback(listener.close)
            port = int(listener.getsockname()[1])
            workers = assembly.make_workers()
            entered.callback(workers.close)
            parts = assembly.Parts(self._monitor, self._control, self._pictures, workers)
            app, listeners = assembly.assemble(options, assembly.make_access(token, port), parts)
            for each in listeners:
                self._monitor.listeners.append(each)
                entered.callback(self._monitor.listeners.remove, each)
            server = assembly.WebServer(app, listener)
            server.start()
            entered.callback(server.stop)
            self._entered = entered.pop_all()
        self.url = f"http://{_reachable(options.host)}:{port}/" + (f"#token={token}" if token else "")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it; open connections are closed."""
        self._entered.close()


def _reachable(host: str) -> str:
    """A host that another machine's browser can open: "every address" is none."""
    if host in ("0.0.0.0", "::"):
        family, elsewhere = (socket.AF_INET, "192.0.2.1") if host == "0.0.0.0" else (socket.AF_INET6, "2001:db8::1")
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                # Sends nothing; the system tells which of its addresses it would use (RFC 5737, RFC 3849).
                probe.connect((elsewhere, 9))
                host = probe.getsockname()[0]
            except OSError:
                host = socket.gethostname()
    return f"[{host}]" if ":" in host else host
