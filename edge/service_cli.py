"""``sorter-service``: the sorter as a system service."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand, inform, warn

CONFIG_PATH = Path("/etc/sorter/sorter.toml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def service() -> None:
    """Prints or installs what makes the sorter start with the machine and restart by itself."""


service.command_class = SorterCommand


def _unit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.argument("arguments", nargs=-1, metavar="[-- SORTER-RUN OPTIONS]..."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            default=CONFIG_PATH,
            help="Configuration file of sorter-run; left out where options follow '--'.",
        ),
        click.option("--program", type=click.Path(path_type=Path), help="sorter-run [of this environment]."),
    ):
        command = option(command)
    return command


def _udev_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--camera", metavar="DEVICE", help="The camera, as it is plugged in now: /dev/video0"),
        click.option("--arm", metavar="DEVICE", help="The arm, as it is plugged in now: /dev/ttyUSB0"),
    ):
        command = option(command)
    return command


@service.command()
@_unit_options
def unit(program: Path | None, config: Path, arguments: tuple[str, ...]) -> None:
    """Prints the systemd unit, with this environment's paths in it.

    \b
    sorter-service unit > sorter-run.service
    sorter-service unit -- --camera 0 --port /dev/sorter-arm --model /opt/sorter/waste.tflite
    """  # noqa: D301 - click wants the control character
    click.echo(_render_unit(program, config, arguments), nl=False)
    inform("To install it: sudo $(which sorter-service) install, with the same options.")


@service.command()
@_udev_options
def udev(arm: str | None, camera: str | None) -> None:
    """Prints udev rules that give arm and camera lasting names: /dev/sorter-arm, /dev/sorter-camera.

    Without options they name every board that arms are commonly built with, and every USB camera; with them, exactly
    these devices, by serial number or, where they have none, by the socket that they are plugged into.
    """
    click.echo(_render_rules(arm, camera), nl=False)
    inform("To install them: sudo $(which sorter-service) install, with the same options.")


@service.command()
@_udev_options
@_unit_options
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default="/",
    help="Write into the image of another system, below this folder.",
)
def install(
    program: Path | None, config: Path, arguments: tuple[str, ...], arm: str | None, camera: str | None, root: Path
) -> None:
    """Writes the unit and the rules into /etc and makes the user 'sorter'; starts nothing. Needs root.

    \b
    sudo $(which sorter-service) install --arm /dev/ttyUSB0 --camera /dev/video0
    sudo systemctl enable --now sorter-run
    """  # noqa: D301 - click wants the control character
    from sorter.edge.service import installation

    installation.require_root(root)
    files = {
        installation.UNIT_PATH: _render_unit(program, config, arguments),
        installation.RULES_PATH: _render_rules(arm, camera),
    }
    for path in installation.write_files(files, root):
        inform(f"Wrote {path}.")
    if not arguments and not (root / config.relative_to("/")).exists():
        warn(f"{config} does not exist yet.", "Write it before you start the service.")
    _tell_the_system(root)
    inform("To start it now and with the machine: sudo systemctl enable --now sorter-run")


def _tell_the_system(root: Path) -> None:
    """Makes the user and has the new files read; what does not work is told, and how to do it by hand."""
    from sorter.edge.service import installation
    from sorter.errors import StorageError

    commands = [] if installation.has_user(root) else [installation.ADD_USER]
    for command in (*commands, *installation.RELOAD):
        if root != Path("/"):
            inform(f"On that system, run: {' '.join(command)}")
            continue
        try:
            installation.run(command)
        except StorageError as error:
            warn(error.message, f"Run by hand: {' '.join(command)}")


def _render_unit(program: Path | None, config: Path, arguments: tuple[str, ...]) -> str:
    from sorter.edge.service.unit import find_program, render_unit

    return render_unit((program or find_program()).absolute(), arguments or ("--config", str(config.absolute())))


def _render_rules(arm: str | None, camera: str | None) -> str:
    from sorter.edge.service.udev import identify, render_rules

    return render_rules(identify(arm, "tty") if arm else None, identify(camera, "video4linux") if camera else None)
