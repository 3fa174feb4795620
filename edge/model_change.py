"""A new network while the sorter runs: taken between two objects, everything that depends on it changed with it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from sorter.edge.configuration import DecisionSettings
from sorter.edge.keeping import Origin, PictureKeeper
from sorter.edge.model import LoadedModel, ModelOptions, keep_bins
from sorter.edge.model_watch import ModelWatcher
from sorter.edge.monitor import ModelHealth
from sorter.edge.runtime import Runtime
from sorter.image import Pixels


def health_of(model: LoadedModel) -> ModelHealth:
    """What the monitor shows of a network."""
    return ModelHealth(model.name, model.sha256, model.classifier.labels, model.loaded_at)


@contextmanager
def followed_model(
    runtime: Runtime, keeper: PictureKeeper, decision: DecisionSettings, options: ModelOptions, model: LoadedModel
) -> Iterator[None]:
    """Watches a network's file while the block runs; SIGHUP has it looked at again at once.

    Args:
        runtime: Where a new network is put to use.
        keeper: Its records name the network.
        decision: What the user fixed of thresholds; the rest comes with the network.
        options: Which file.
        model: The network in use; it is not held on to.
    """

    def last_picture() -> Pixels | None:
        view = runtime.monitor.view
        return None if view is None else view.frame.image

    watcher = ModelWatcher(options, model.fingerprint, keep_bins(model.bins), last_picture)
    del model
    told = ""

    def look(_now_s: float) -> None:
        nonlocal told
        if watcher.refused != told:
            told = watcher.refused
            runtime.monitor.update(model=replace(runtime.monitor.status.model, refused=told))
            if told:
                runtime.tell(f"{told} The network in use goes on.")
        if runtime.between_objects and (new := watcher.take()) is not None:
            trusted = decision.options(new.threshold)
            runtime.use(new.classifier, trusted, new.sha256)
            keeper.origin = Origin(keeper.origin.run, new.sha256, new.classifier.labels, trusted)
            runtime.monitor.update(model=health_of(new))
            runtime.tell(f"The network {new.name} was replaced ({new.sha256[:12]}).", good=True)

    runtime.keepers.append(look)
    watcher.start()
    with _on_hangup(watcher):
        yield
    watcher.stop()


@contextmanager
def _on_hangup(watcher: ModelWatcher) -> Iterator[None]:
    def look_now(_number: int, _frame: FrameType | None) -> None:
        watcher.look_now()

    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread alone
        return
    before = signal.signal(signal.SIGHUP, look_now)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
