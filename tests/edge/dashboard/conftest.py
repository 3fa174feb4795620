"""A served page over a monitor that the tests write, and a control that notes what it was asked."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="the dashboard extra is not installed")

from sorter.edge.cameras.camera import Frame
from sorter.edge.dashboard.dashboard import Dashboard
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.decision import Decision
from sorter.edge.monitor import ModelHealth, Monitor, View
from sorter.edge.objects import COMPLETED, SortedObject
from sorter.edge.pictures import Picture, RecentPictures

LABELS = ("apple", "lemon", "kiwi")
JSON = {"Content-Type": "application/json"}


@dataclass
class NotingControl:
    """Notes what it was asked; ``stop`` and ``pause`` wait where a test wants them to."""

    asked: list[str] = field(default_factory=list)
    stop_may_return: threading.Event = field(default_factory=threading.Event)
    pause_may_return: threading.Event = field(default_factory=threading.Event)

    def pause(self) -> None:
        self.asked.append("pause")
        self.pause_may_return.wait(20)

    def resume(self) -> None:
        self.asked.append("resume")

    def stop(self, who: str) -> None:
        self.asked.append(f"stop by {who}")
        self.stop_may_return.wait(20)

    def announce(self) -> None:
        self.asked.append("announce")

    def learn_empty(self) -> None:
        self.asked.append("learn_empty")

    def empty_bin(self, bin_number: int) -> None:
        self.asked.append(f"empty_bin {bin_number}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    """A page that is served, and what stands behind it."""

    dashboard: Dashboard
    monitor: Monitor
    control: NotingControl
    pictures: RecentPictures
    corrections: Path

    @property
    def port(self) -> int:
        return urlsplit(self.dashboard.url).port or 0

    @property
    def token(self) -> str:
        return self.dashboard.url.partition("#token=")[2]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, content, given)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, content: Any = None, **headers: str) -> Answer:
        return self.ask("POST", path, {} if content is None else content, **{**JSON, **headers})

    def show_frame(self, number: int, size: tuple[int, int] = (64, 48)) -> None:
        image = np.full((size[1], size[0], 3), number % 256, np.uint8)
        self.monitor.show(View(Frame(image, time.monotonic(), number)))

    def sort_object(
        self, number: int, row: int | None = None, label: str = "apple", rejected: str = ""
    ) -> SortedObject:
        decision = Decision(label, 0.9, (0.9, 0.07, 0.03), 0 if rejected else 1, rejected)
        seen = SortedObject(
            number, row or number + 100, number, "", decision, number, 1_800_000_000.5 + number, 0.004, 0.05, 0.01, 0.7
        )
        image = np.full((48, 64, 3), number % 256, np.uint8)
        self.pictures.add(number, Picture(image))
        while self.pictures.jpeg(number) is None:
            time.sleep(0.005)
        ended = SortedObject(**{**seen.__dict__, "outcome": COMPLETED})
        self.monitor.tell_object(ended)
        return ended


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Gives a function that serves a page; everything is ended after the test."""
    with ExitStack() as stack:

        def start(address: str = "127.0.0.1:0", **options: Any) -> Served:
            corrections = tmp_path / "corrections"
            monitor, control, pictures = Monitor(), NotingControl(), RecentPictures()
            control.stop_may_return.set()
            control.pause_may_return.set()
            stack.callback(control.stop_may_return.set)
            stack.callback(control.pause_may_return.set)
            monitor.update(
                started_at=1.0,
                model=ModelHealth("m.tflite", "cd" * 32, LABELS),
                bins={"apple": 1, "lemon": 2, "kiwi": 3},
            )
            pictures.start()
            stack.callback(pictures.stop)
            chosen = DashboardOptions(address, corrections=corrections, **options)
            dashboard = stack.enter_context(Dashboard(chosen, monitor, control, pictures))
            return Served(dashboard, monitor, control, pictures, corrections)

        yield start


@pytest.fixture
def served(serve: Serve) -> Served:
    """A page on the loopback address."""
    return serve()
