"""``sorter-run --check``: tries everything that a run needs, one after the other; nothing moves."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import click

from sorter.cli import print_json
from sorter.edge.arms.ports import make_arm
from sorter.edge.assembly import load_network
from sorter.edge.cameras.guard import glance
from sorter.edge.configuration import Settings
from sorter.edge.decision import BinMap
from sorter.edge.journal import Journal
from sorter.edge.station import make_station, require_bins
from sorter.errors import BundleError, CameraError, ConfigError, SorterError

_WARM_UP_S = 1.0
"""The first pictures of most webcams are dark until the exposure has settled."""


@dataclass(frozen=True)
class Finding:
    """One thing that was tried.

    Attributes:
        what: Its name.
        good: Whether it works.
        text: What was found, or what is wrong.
        hint: What to do about it.
    """

    what: str
    good: bool
    text: str
    hint: str = ""


def check_all(settings: Settings, as_json: bool) -> None:
    """Tries network, journal, camera and arm, and tells of each; all of them, also after one has failed.

    Raises:
        SorterError: The first thing that was wrong, after all were told.
    """
    findings: list[Finding] = []
    errors: list[SorterError] = []

    def attempt(what: str, trial: Callable[[], str]) -> None:
        try:
            findings.append(Finding(what, True, trial()))
        except SorterError as error:
            findings.append(Finding(what, False, error.message, error.hint))
            errors.append(error)
        if not as_json:
            _show(findings[-1])

    for what, trial in _trials(settings):
        attempt(what, trial)
    if as_json:
        print_json({"ok": not errors, "checks": [vars(finding) for finding in findings]})
    if errors:
        raise SystemExit(errors[0].exit_code)


def _show(finding: Finding) -> None:
    mark = click.style("ok     ", fg="green") if finding.good else click.style("wrong  ", fg="red", bold=True)
    click.echo(f"{mark}{finding.what:<9}{finding.text}")
    if finding.hint:
        click.echo(f"{'':<16}Hint: {finding.hint}")


def _trials(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "network", lambda: _try_network(settings)
    yield "journal", lambda: _try_journal(settings)
    yield "camera", lambda: _try_camera(settings)
    yield "arm", lambda: _try_arm(settings)


def _try_network(settings: Settings) -> str:
    _, model = load_network(settings)
    threshold = settings.decision.options(model.threshold).threshold
    return f"{model.name}: {model.bins.describe()}; rejects below {threshold:.0%}"


def _try_journal(settings: Settings) -> str:
    with Journal(settings.journal.file, "check", "") as journal:
        unfinished = len(journal.unfinished())
    under_way = f"; {unfinished} commands of an earlier run to be settled" if unfinished else ""
    return f"{settings.journal.file} can be written{under_way}"


def _try_camera(settings: Settings) -> str:
    station = make_station(settings.camera, settings.arm, settings.trigger, settings.run.objects)
    with station.camera as camera:
        started_s = time.monotonic()
        frame = camera.read()
        while camera.live and frame is not None and time.monotonic() - started_s < _WARM_UP_S:
            frame = camera.read()
        if frame is None:
            return f"{camera.name} has no pictures left"
        height, width = frame.image.shape[:2]
        black = glance(frame.image, settings.camera.black_level).black
        if black:
            raise CameraError(
                f"{camera.name} sees nothing but black.", "Take the cap off the lens; switch on the light."
            )
        told = "".join(f"; {name} {value}" for name, value in camera.settings.items())
        return f"{camera.name}, {width}x{height}{told}"


def _try_arm(settings: Settings) -> str:
    arm = make_arm(settings.arm.port, settings.arm)
    bins: BinMap | None = None
    with suppress(ConfigError, BundleError):  # told by the trial of the network
        _, model = load_network(settings)
        bins = model.bins
    try:
        identity = arm.open()
        if bins is not None:
            require_bins(identity, bins)
    finally:
        arm.close()
    return f"{identity.name} at {arm.name}: state {identity.status.state}"
