"""From settings to a running sorter, and everything beside the loop: pictures, a new network, the page, the service."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sorter.cli import inform
from sorter.edge.cameras.camera import Frame
from sorter.edge.configuration import Settings
from sorter.edge.dashboard.dashboard import Dashboard
from sorter.edge.decision import BinMap, make_bin_map
from sorter.edge.disk_watch import DiskWatch
from sorter.edge.dispatcher import DispatcherOptions
from sorter.edge.health import HealthLimits, assess
from sorter.edge.journal import Journal
from sorter.edge.keeping import Origin, PictureKeeper
from sorter.edge.loop import LoopOptions
from sorter.edge.model import LoadedModel, ModelOptions, load_model
from sorter.edge.model_change import followed_model, health_of
from sorter.edge.objects import SortedObject
from sorter.edge.pictures import Picture, RecentPictures
from sorter.edge.place_memory import PlaceMemory
from sorter.edge.runtime import Runtime
from sorter.edge.runtime_options import RuntimeOptions
from sorter.edge.service.supervision import make_supervision
from sorter.edge.station import Station, make_station, open_station
from sorter.edge.storage import StorageLimits
from sorter.errors import ConfigError
from sorter.models import find_model


@dataclass(frozen=True)
class Sorter:
    """A sorter that is ready to run.

    Attributes:
        runtime: Its loop.
        station: Its devices.
        pictures: Of the latest objects.
        bins: Which label goes where.
        threshold: Lowest probability that is not rejected.
    """

    runtime: Runtime
    station: Station
    pictures: RecentPictures
    bins: BinMap
    threshold: float


def load_network(settings: Settings) -> tuple[ModelOptions, LoadedModel]:
    """Loads the network that the settings name, and gives its labels their bins.

    Raises:
        BundleError: It cannot be used.
        ConfigError: Labels and bins do not fit together.
    """
    chosen = settings.model
    options = ModelOptions(
        find_model(chosen.file),
        chosen.labels,
        chosen.threads,
        chosen.input_range or None,
        settings.decision.threshold,
    )
    model = load_model(options, lambda labels: make_bin_map(labels, settings.bins.labels, settings.bins.reject))
    strangers = [label for label in settings.decision.thresholds if label not in model.classifier.labels]
    if strangers:
        raise ConfigError(
            f"There is no label {strangers[0]!r} to give a threshold.",
            f"The network's labels are: {', '.join(model.classifier.labels)}.",
        )
    return options, model


@contextmanager
def assemble(settings: Settings, person_can_resume: bool, learn_empty: bool = False) -> Iterator[Sorter]:
    """Opens everything; nothing moves. What is opened is closed at the end, the arm at rest.

    Args:
        settings: What the user chose.
        person_can_resume: Whether somebody can resume after a fault.
        learn_empty: The place is empty now, whatever it looked like before.

    Raises:
        SorterError: Something does not open or does not fit.
    """
    model_options, model = load_network(settings)
    station = make_station(settings.camera, settings.arm, settings.trigger, settings.run.objects)
    run = datetime.now(UTC).isoformat(timespec="seconds")
    decision = settings.decision.options(model.threshold)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(settings.journal.file, run, model.sha256, settings.journal.most_objects))
        keeper = PictureKeeper(settings.keep, Origin(run, model.sha256, model.classifier.labels, decision))
        arm_name = stack.enter_context(
            open_station(station, journal, model.bins, settings.arm.clear_stop, settings.recovery.on_fault == "recover")
        )
        runtime = Runtime(
            station, arm_name, model.classifier, journal, _runtime_options(settings, model, person_can_resume)
        )
        pictures = _keep_pictures(stack, runtime, keeper, settings.keep.quality)
        limits = StorageLimits(settings.keep.min_free_megabytes, settings.journal.min_free_megabytes)
        runtime.keepers.append(DiskWatch(settings.journal.file.parent, limits, runtime.pauses).look)
        _remember_place(stack, settings, runtime, station, journal, learn_empty)
        sorter = Sorter(runtime, station, pictures, model.bins, decision.threshold)
        _introduce(runtime, settings, model)
        if settings.model.watch:
            stack.enter_context(followed_model(runtime, keeper, settings.decision, model_options, model))
        del model
        if settings.dashboard.address:
            page = stack.enter_context(Dashboard(settings.dashboard, runtime.monitor, runtime.control, pictures))
            inform(f"Operator's page: {page.url}")
        _supervise(stack, settings, runtime)
        yield sorter


def _runtime_options(settings: Settings, model: LoadedModel, person_can_resume: bool) -> RuntimeOptions:
    chosen = settings.decision
    return RuntimeOptions(
        bins=model.bins,
        decision=chosen.options(model.threshold),
        loop=LoopOptions(chosen.settle_s, chosen.clear_s, chosen.votes),
        limits=settings.bins.bin_limits(),
        recovery=settings.recovery.options(person_can_resume),
        dispatcher=DispatcherOptions(settings.arm.heartbeat_s),
        camera=settings.camera,
        objects=settings.run.objects,
        max_age_s=chosen.max_age_s,
    )


def _introduce(runtime: Runtime, settings: Settings, model: LoadedModel) -> None:
    """Shows what does not change, or seldom."""
    runtime.monitor.update(
        model=health_of(model),
        trigger=settings.trigger.kind,
        bins=model.bins.bins,
        reject_bin=model.bins.reject,
        started_at=model.loaded_at,
    )


def _keep_pictures(stack: ExitStack, runtime: Runtime, keeper: PictureKeeper, quality: int) -> RecentPictures:
    pictures = RecentPictures()
    for helper in (keeper, pictures):
        helper.start()
        stack.callback(helper.stop)

    def keep(seen: SortedObject, frame: Frame) -> None:
        picture = Picture(frame.image, quality)  # encoded once for both
        pictures.add(seen.number, picture)
        keeper.add(seen, picture)

    runtime.flights.picture_of = lambda seen: keeper.path_for(seen) or ""
    runtime.on_decided.append(keep)
    runtime.keepers.append(lambda _now_s: runtime.monitor.update(storage=keeper.trouble))
    return pictures


def _remember_place(
    stack: ExitStack, settings: Settings, runtime: Runtime, station: Station, journal: Journal, learn_empty: bool
) -> None:
    camera = settings.camera
    memory = PlaceMemory(station.trigger, journal, f"{camera.source} {camera.rotation} {camera.region}")
    if learn_empty or not memory.recall():
        station.learn_empty()
        if station.camera.live and station.trigger.settles:
            inform("The place must be empty now; it is learned from the first frame.")
    runtime.keepers.append(memory.keep)
    stack.callback(memory.close)


def _supervise(stack: ExitStack, settings: Settings, runtime: Runtime) -> None:
    """Tells the service manager, where there is one, how the sorter is doing."""
    limits = HealthLimits(arm_s=max(10.0, 4 * settings.arm.heartbeat_s))
    supervision = make_supervision(
        runtime.monitor,
        lambda status, now_s: assess(status, now_s, limits),
        settings.camera.source,
        settings.arm.port,
        settings.journal.file.parent,
    )
    stack.callback(supervision.stop)
    runtime.keepers.append(supervision.tick)
    supervision.start()


def describe(settings: Settings, sorter: Sorter) -> None:
    """Tells what is going to happen."""
    station, model = sorter.station, sorter.runtime.monitor.status.model
    devices = f"Looking through {station.camera.name}; arm {station.arm.name}"
    inform(f"{devices}, model {model.name}, journal {settings.journal.file}.")
    inform(f"{sorter.bins.describe()}. Rejected below {sorter.threshold:.0%}.")
