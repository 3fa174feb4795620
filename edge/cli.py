"""``sorter-run``: the device's main job."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import SorterCommand, inform, json_option, print_json, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from sorter.edge.decision import BinMap
    from sorter.edge.runtime import Runtime


@click.command(cls=SorterCommand)
@click.option("--camera", required=True, help="Index, /dev/video0, v4l2://, csi://0, file, folder, URL, pipeline, sim:")
@click.option("--port", required=True, help="/dev/ttyUSB0, socket://host:port, rfc2217://host:port, or sim:")
@click.option("--model", required=True, help="A .tflite file, or the name of a shipped network.")
@click.option("--labels", type=click.Path(path_type=Path), help="labels.txt, for a .tflite without labels inside.")
@click.option("--input-range", type=click.Choice(["bytes", "0..1", "-1..1"]), help="For a foreign float network.")
@click.option("--bin", "assignments", multiple=True, metavar="LABEL=N", help="Bin of a label; '*=N' for all others.")
@click.option("--reject-bin", type=click.IntRange(0), default=0, help="Bin for objects that cannot be told.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Reject below this probability [the model's own].")
@click.option("--margin", type=click.FloatRange(0, 1), default=0.1, help="Reject when the second class is this close.")
@click.option("--votes", type=click.IntRange(1, 50), default=3, help="Frames to average per object.")
@click.option("--objects", type=click.IntRange(1), help="Stop after so many objects.")
@click.option("--threads", type=click.IntRange(1, 64), default=1, help="CPU threads of the network.")
@click.option("--width", type=click.IntRange(16), default=640, help="Of the camera's picture.")
@click.option("--height", type=click.IntRange(16), default=480, help="Of the camera's picture.")
@click.option("--fps", type=click.FloatRange(1), help="Frames per second asked of the camera.")
@click.option("--settle", type=click.FloatRange(0), default=0.15, help="Seconds an object must lie still.")
@click.option("--clear-stop", is_flag=True, help="You have looked at an arm that was stopped: it may move again.")
@click.option("--journal", type=click.Path(path_type=Path), default="sorter.db", help="SQLite file of all objects.")
@json_option
def run(
    camera: str,
    port: str,
    model: str,
    labels: Path | None,
    input_range: Any,
    assignments: tuple[str, ...],
    reject_bin: int,
    threshold: float | None,
    margin: float,
    votes: int,
    objects: int | None,
    threads: int,
    width: int,
    height: int,
    fps: float | None,
    settle: float,
    clear_stop: bool,
    journal: Path,
    as_json: bool,
) -> None:
    r"""Sorts objects: camera picture, decision, one bin command per object to the arm.

    Everything is checked before the arm moves. Ctrl-C ends it with the arm stopped and the journal complete.

    \b
    Nothing plugged in:  sorter-run --camera sim: --port sim: --model fruit-demo-int8 --objects 20
    The real thing:      sorter-run --camera 0 --port /dev/ttyUSB0 --model waste.tflite
    """
    from sorter.bundle import Bundle
    from sorter.classifier import classifier_from_bundle
    from sorter.edge.cameras.opencv import CameraOptions
    from sorter.edge.decision import DecisionOptions, make_bin_map
    from sorter.edge.journal import Journal
    from sorter.edge.loop import LoopOptions
    from sorter.edge.runtime import Runtime, RuntimeOptions
    from sorter.edge.station import make_station, open_station
    from sorter.models import find_model

    bundle = Bundle.load(find_model(model), labels)
    classifier = classifier_from_bundle(bundle, threads, input_range)
    bins = make_bin_map(classifier.labels, assignments, reject_bin)
    if threshold is None:
        threshold = bundle.manifest.threshold if bundle.manifest else DecisionOptions().threshold
    options = RuntimeOptions(bins, DecisionOptions(votes, threshold, margin), LoopOptions(settle_s=settle), objects)
    station = make_station(camera, port, CameraOptions(width, height, fps), objects)
    log = Journal(journal, datetime.now(UTC).isoformat(timespec="seconds"), bundle.sha256)
    with log, open_station(station, bins, clear_stop) as first_sequence:
        if log.unfinished:
            warn(f"{log.unfinished} commands of an earlier run never ended; their outcome is unknown.")
        inform(f"Camera {station.camera.name}, arm {station.arm.name}, model {bundle.path.name}, journal {journal}.")
        inform(f"{bins.describe()}. Rejected below {threshold:.0%}.")
        if station.camera.live:
            inform("The place must be empty now; it is learned from the first frame.")
        _sort(Runtime(station, first_sequence, classifier, log, options), station.truth, bins, as_json)


def _sort(
    runtime: "Runtime", truth: "Callable[[BinMap], dict[str, int] | None]", bins: "BinMap", as_json: bool
) -> None:
    """Sorts, and tells what happened however it ended."""
    from sorter.edge.console import Summary, show_header, show_object

    summary = Summary()
    runtime.observers.append(summary.add)
    if not as_json:
        show_header()
        runtime.observers.append(show_object)
    try:
        runtime.run()
    finally:
        if as_json:
            print_json(summary.as_json(runtime.times, truth(bins)))
        else:
            summary.show(runtime.times, truth(bins))
