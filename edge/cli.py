"""``sorter-run``: the device's main job."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import SorterCommand, json_option, print_json
from sorter.edge.configuration import Settings, read_settings
from sorter.edge.setting_options import given_settings, help_all_option, setting_options

if TYPE_CHECKING:
    from sorter.edge.assembly import Sorter

_NEEDED = {"--camera": "camera.source", "--port": "arm.port", "--model": "model.file"}


@click.command(cls=SorterCommand)
@click.option("--config", type=click.Path(path_type=Path), help="TOML file; options on the command line go before it.")
@click.option("--print-config", is_flag=True, help="Print all settings as a TOML file, and end.")
@click.option("--check", is_flag=True, help="Try camera, network, arm and settings, print what is wrong, and end.")
@click.option(
    "--keep-uncertain", type=click.Path(path_type=Path), help="Keep pictures of doubtful objects in a folder."
)
@click.option("--learn-empty", is_flag=True, help="The place is empty now: forget what it looked like before.")
@setting_options
@help_all_option
@json_option
@click.pass_context
def run(
    context: click.Context,
    config: Path | None,
    print_config: bool,
    check: bool,
    keep_uncertain: Path | None,
    learn_empty: bool,
    as_json: bool,
) -> None:
    """Sorts objects: camera picture, decision, one bin command per object to the arm.

    Everything is checked before the arm moves. Ctrl-C ends it with the arm stopped and the journal complete.

    \b
    Nothing plugged in:  sorter-run --camera sim: --port sim: --model fruit-demo-int8 --objects 20
    The real thing:      sorter-run --camera 0 --port /dev/ttyUSB0 --model waste.tflite
    As a service:        sorter-run --config /etc/sorter/sorter.toml
    """  # noqa: D301 - the backspace is click's mark for a paragraph that keeps its lines
    given = dict(given_settings(context))
    if keep_uncertain is not None:
        given |= {"keep.folder": keep_uncertain, "keep.what": "uncertain"}
    settings = read_settings(config, given)
    if print_config:
        click.echo(settings.as_toml())
        return
    _require(settings)
    if check:
        from sorter.edge.check import check_all

        check_all(settings, as_json)
        return
    _run(settings, learn_empty, as_json)


def _require(settings: Settings) -> None:
    for option, path in _NEEDED.items():
        section, _, name = path.partition(".")
        if not getattr(getattr(settings, section), name):
            raise click.UsageError(f"Missing option '{option}' (in a configuration file: {name} in [{section}]).")


def _run(settings: Settings, learn_empty: bool, as_json: bool) -> None:
    from sorter.edge.assembly import assemble, describe
    from sorter.edge.keys import has_keyboard, keyboard

    def empty_bins() -> None:
        for number in sorter.runtime.monitor.status.full:
            sorter.runtime.control.empty_bin(number)

    person = has_keyboard() or bool(settings.dashboard.address)
    with assemble(settings, person, learn_empty) as sorter:
        describe(settings, sorter)
        with keyboard(sorter.runtime.control, empty_bins):
            _sort(sorter, as_json)


def _sort(sorter: "Sorter", as_json: bool) -> None:
    """Sorts, and tells what happened however it ended."""
    from sorter.edge.console import Summary, show_header, show_object
    from sorter.edge.priority import prefer_latency

    runtime = sorter.runtime
    summary = Summary()
    runtime.flights.observers.append(summary.add)
    if not as_json:
        show_header()
        runtime.flights.observers.append(show_object)
    prefer_latency()
    try:
        runtime.run()
    finally:
        truth: dict[str, Any] | None = sorter.station.truth(sorter.bins)
        if as_json:
            print_json(summary.as_json(runtime.times, truth))
        else:
            summary.show(runtime.times, truth)
