"""The manager's side of sd_notify(3): a real datagram socket that notifications arrive at."""

import socket
from types import TracebackType
from typing import Self


class Manager:
    """Listens like systemd does; ``address`` is what it would put into NOTIFY_SOCKET."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.setblocking(False)
        self._heard: list[dict[str, str]] = []

    def listen(self) -> None:
        """Takes what has arrived: a kernel queues few datagrams (net.unix.max_dgram_qlen, from 10 on)."""
        self._heard += self._receive()

    def told(self) -> list[dict[str, str]]:
        """The datagrams that have arrived since the last call, each as its assignments."""
        self.listen()
        told, self._heard = self._heard, []
        return told

    def _receive(self) -> list[dict[str, str]]:
        datagrams: list[dict[str, str]] = []
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return datagrams
            datagrams.append(dict(line.split("=", 1) for line in data.decode().split("\n")))

    def wait(self, timeout_s: float) -> dict[str, str]:
        """The next datagram."""
        self._socket.settimeout(timeout_s)
        try:
            return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().split("\n"))
        finally:
            self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
