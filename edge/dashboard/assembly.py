"""Puts the page's parts together. The one module through which ``Dashboard`` loads the web server's libraries."""

from dataclasses import dataclass
from importlib.resources import files

from starlette.types import ASGIApp

from sorter.edge.control import Control
from sorter.edge.dashboard.access import Access, Patience, make_access
from sorter.edge.dashboard.application import Application
from sorter.edge.dashboard.corrections import Corrections
from sorter.edge.dashboard.guard import Guard, make_host_names
from sorter.edge.dashboard.history import History
from sorter.edge.dashboard.live import Live
from sorter.edge.dashboard.metrics import Metrics
from sorter.edge.dashboard.options import DashboardOptions
from sorter.edge.dashboard.server import WebServer, open_socket
from sorter.edge.dashboard.workers import Workers, make_workers
from sorter.edge.monitor import Listener, Monitor
from sorter.edge.pictures import RecentPictures

__all__ = ["Parts", "WebServer", "assemble", "make_access", "make_workers", "open_socket"]

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True)
class Parts:
    """The running sorter, and the threads that serve its page."""

    monitor: Monitor
    control: Control
    pictures: RecentPictures
    workers: Workers


def load_page() -> dict[str, tuple[bytes, str]]:
    """The page's files by path, with their types. Nothing else is ever read from the disk for a visitor."""
    page = {}
    for file in files("sorter.edge.dashboard").joinpath("page").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            page[f"/{file.name}"] = (file.read_bytes(), kind)
    page["/"] = page.pop("/index.html")
    return page


def assemble(options: DashboardOptions, access: Access, parts: Parts) -> tuple[ASGIApp, tuple[Listener, ...]]:
    """The guarded application, and who wants to hear from the monitor."""
    history, metrics = History(parts.monitor), Metrics(parts.monitor)
    patience = Patience()
    page = load_page()
    application = Application(
        title=options.title,
        monitor=parts.monitor,
        control=parts.control,
        pictures=parts.pictures,
        history=history,
        metrics=metrics,
        corrections=Corrections(options.corrections),
        access=access,
        patience=patience,
        live=Live(parts.monitor, parts.workers.encoder),
        workers=parts.workers,
        page=page,
        corrected={},
    )
    # The bare page holds nothing of the sorter; it asks for the token, and logs in.
    public = (*page, "/api/login")
    return Guard(application.routes(), access, patience, make_host_names(options), public), (history, metrics)
