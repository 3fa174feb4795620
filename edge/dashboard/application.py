"""What the page may ask, and what it is answered; ``docs/dashboard.md`` is its manual."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sorter.edge.control import Control
from sorter.edge.dashboard.access import Access, Patience
from sorter.edge.dashboard.corrections import Corrections
from sorter.edge.dashboard.guard import BODY_BYTES, check_token, refuse
from sorter.edge.dashboard.history import History
from sorter.edge.dashboard.live import Live, key_of
from sorter.edge.dashboard.metrics import CONTENT_TYPE, Metrics
from sorter.edge.dashboard.report import report_bins, report_object, report_status, report_view
from sorter.edge.dashboard.workers import Workers
from sorter.edge.health import assess
from sorter.edge.monitor import Monitor
from sorter.edge.objects import SortedObject
from sorter.edge.pictures import RecentPictures
from sorter.errors import ConfigError, SorterError

WHO = "the operator's page"

_ORDER_S = 2.0
"""A request to the sorter that has not returned by then is answered as under way."""


@dataclass(frozen=True)
class Application:
    """Answers requests that the guard let through.

    Attributes:
        title: What the page is called.
        monitor: The running sorter.
        control: What can be asked of it.
        pictures: Of the latest objects.
        history: For the plots.
        metrics: For Prometheus.
        corrections: Where corrected pictures go.
        access: The token.
        patience: Slows down those who guess it.
        live: The live picture.
        workers: For what may wait.
        page: Content and type of the page's files, by path.
        corrected: Labels that a person gave, by journal row.
    """

    title: str
    monitor: Monitor
    control: Control
    pictures: RecentPictures
    history: History
    metrics: Metrics
    corrections: Corrections
    access: Access
    patience: Patience
    live: Live
    workers: Workers
    page: dict[str, tuple[bytes, str]]
    corrected: dict[int, str]

    def routes(self) -> Starlette:
        """The ASGI application."""
        orders = {
            "pause": self.control.pause,
            "resume": self.control.resume,
            "announce": self.control.announce,
            "learn-empty": self.control.learn_empty,
        }
        routes = [Route(path, self._answer_file) for path in self.page]
        routes += [Route(f"/api/{name}", self._order(order), methods=["POST"]) for name, order in orders.items()]
        routes += [
            Route("/api/stop", self._stop, methods=["POST"]),
            Route("/api/login", self._login, methods=["POST"]),
            Route("/api/bins/{number:int}/emptied", self._empty_bin, methods=["POST"]),
            Route("/api/objects/{number:int}/correction", self._correct, methods=["POST"]),
            Route("/api/objects/{number:int}/picture.jpg", self._answer_picture),
            Route("/api/objects", self._answer_objects),
            Route("/api/status", self._answer_status),
            Route("/api/history", self._answer_history),
            Route("/api/live.jpg", self._answer_live),
            Route("/metrics", self._answer_metrics),
            Route("/healthz", self._answer_health),
        ]
        handlers: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
            404: _say_missing,
            405: _say_missing,
            SorterError: _say_error,
        }
        application = Starlette(routes=routes, exception_handlers=handlers)
        application.router.redirect_slashes = False
        return application

    # What can be read

    async def _answer_file(self, request: Request) -> Response:
        content, kind = self.page[request.url.path]
        return Response(content, media_type=kind)

    async def _answer_status(self, _: Request) -> Response:
        report = report_status(self.monitor.status, self.monitor.view, time.monotonic())
        return JSONResponse({"title": self.title, **report})

    async def _answer_objects(self, _: Request) -> Response:
        status = self.monitor.status
        objects = [report_object(seen, self.history.model_of(seen).labels, self.corrected) for seen in status.recent]
        own = await _on(self.workers.disk, self.corrections.labels)
        labels = list(dict.fromkeys((*status.model.labels, *own)))
        return JSONResponse({"run": status.started_at, "labels": labels, "objects": objects})

    async def _answer_history(self, _: Request) -> Response:
        return JSONResponse(self.history.report())

    async def _answer_picture(self, request: Request) -> Response:
        jpeg = self.pictures.jpeg(request.path_params["number"])
        if jpeg is None:
            return refuse(404, "The picture of this object is not kept.")
        return Response(jpeg, media_type="image/jpeg")

    async def _answer_live(self, request: Request) -> Response:
        picture = await self.live.newer_than(request.query_params.get("after", ""))
        if picture is None:
            return Response(status_code=204)
        newest = self.monitor.view
        # The label may have come after the frame was encoded.
        view = newest if newest is not None and key_of(newest) == picture.key else picture.view
        age_ms = (time.monotonic() - view.frame.captured_at_s) * 1e3
        headers = {
            "X-Sorter-Key": picture.key,
            "X-Sorter-View": json.dumps(report_view(view)),
            "X-Sorter-Age-Ms": f"{age_ms:.0f}",
        }
        return Response(picture.jpeg, media_type="image/jpeg", headers=headers)

    async def _answer_metrics(self, _: Request) -> Response:
        return Response(self.metrics.render(), media_type=CONTENT_TYPE)

    async def _answer_health(self, _: Request) -> Response:
        troubles = assess(self.monitor.status, time.monotonic())
        return JSONResponse({"healthy": not troubles, "troubles": troubles}, 503 if troubles else 200)

    # What can be asked

    async def _login(self, request: Request) -> Response:
        token = (await _read_json(request)).get("token")
        if not self.access.token:
            return JSONResponse({"done": True})
        refusal = check_token(str(token), request.scope, self.access, self.patience)
        return refusal or JSONResponse({"done": True}, headers={"Set-Cookie": self.access.set_cookie})

    async def _stop(self, _: Request) -> Response:
        # Its body is not waited for.
        return await _carry_out(self.workers.stop, partial(self.control.stop, WHO))

    def _order(self, order: Callable[[], None]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            await _read_json(request)
            return await _carry_out(self.workers.orders, order)

        return answer

    async def _empty_bin(self, request: Request) -> Response:
        await _read_json(request)
        number = request.path_params["number"]
        if number not in {known["bin"] for known in report_bins(self.monitor.status)}:
            return refuse(404, f"There is no bin {number}.")
        return await _carry_out(self.workers.orders, partial(self.control.empty_bin, number))

    async def _correct(self, request: Request) -> Response:
        content = await _read_json(request)
        row, label = content.get("row"), content.get("label")
        if not isinstance(label, str) or not isinstance(row, int):
            return refuse(400, "A correction names the object's journal row and a label.")
        seen = self._find(request.path_params["number"], row)
        jpeg = None if seen is None else self.pictures.jpeg(seen.number)
        if seen is None or jpeg is None:
            return refuse(409, "That object's picture is no longer kept.", "Correct one of the latest objects.")
        work = partial(self.corrections.add, seen, self.history.model_of(seen), label, jpeg)
        correction = await _on(self.workers.disk, work)
        self._note_corrected(seen.row, correction.corrected)
        return JSONResponse({"done": True, "label": correction.corrected, "picture": correction.picture})

    def _find(self, number: int, row: int) -> SortedObject | None:
        """By both: the number begins again with each run, and a page may be older than the run."""
        return next((o for o in self.monitor.status.recent if (o.number, o.row) == (number, row)), None)

    def _note_corrected(self, row: int, label: str) -> None:
        self.corrected[row] = label
        shown = {seen.row for seen in self.monitor.status.recent}
        for old in [row for row in self.corrected if row not in shown]:
            del self.corrected[old]


async def _on(executor: Executor, work: Callable[[], Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


async def _carry_out(executor: Executor, order: Callable[[], None]) -> Response:
    future = asyncio.ensure_future(_on(executor, order))
    done, _ = await asyncio.wait({future}, timeout=_ORDER_S)
    if not done:
        # Nobody will ask it for its error any more.
        future.add_done_callback(lambda late: late.cancelled() or late.exception())
        return JSONResponse({"done": False}, 202)
    future.result()
    return JSONResponse({"done": True})


async def _read_json(request: Request) -> dict[str, Any]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES:
            raise ConfigError("The request is too long.")
    try:
        content = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ConfigError("The request is not a JSON object.")
    return content


async def _say_missing(request: Request, error: Exception) -> Response:
    if getattr(error, "status_code", 404) == 405:
        return refuse(405, f"{request.method} is not possible here.")
    return refuse(404, "There is nothing here.", "The page is at /.")


async def _say_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, SorterError)
    if isinstance(error, ConfigError):
        # What was asked is wrong, and the rest of it may still be on its way.
        return refuse(400, error.message, error.hint, Connection="close")
    return refuse(502, error.message, error.hint)
