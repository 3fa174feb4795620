"""``sorter-find``: what is plugged in."""

from pathlib import Path

import click

from sorter.cli import SorterCommand, inform, json_option, print_json


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def find() -> None:
    """Lists the cameras and arms that are plugged in, and what to call them."""


find.command_class = SorterCommand


@find.command()
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option("--probe/--no-probe", default=True, help="Ask who is there; opening a port resets many boards.")
@json_option
def arms(ports: tuple[str, ...], probe: bool, as_json: bool) -> None:
    """Lists serial ports and asks each USB port which arm is there.

    No command is sent that moves an arm. But opening a port resets many boards (Arduinos), and an arm's firmware may
    then go to its rest position: keep hands off, or give --no-probe. Ports in use, and ports other than USB, are asked
    only when you name them.

    \b
    A port that is not listed by itself:  sorter-find arms /tmp/arm socket://192.168.1.7:4000
    """  # noqa: D301 - click wants the control character
    from sorter.edge.finding.arms import ask_ports, find_ports
    from sorter.errors import ArmError

    found = find_ports(ports)
    if probe:
        found = ask_ports(found, ports)
    if as_json:
        print_json([port.as_json() for port in found])
    else:
        click.echo("\n\n".join(port.describe() for port in found), nl=bool(found))
    if not found:
        raise ArmError(
            "No serial port was found.",
            "Plug the arm in and switch it on. On Ubuntu, 'sudo apt remove brltty' gives boards with CH340 or CP2102 "
            "back. With nothing to plug in, try --port sim:.",
        )


@find.command()
@click.argument("cameras", nargs=-1, metavar="[CAMERA]...")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    default="sorter-cameras",
    help="Folder for a picture of each camera.",
)
@click.option("--no-pictures", is_flag=True, help="Open no camera, take no pictures.")
@json_option
def cameras(cameras: tuple[str, ...], pictures: Path, no_pictures: bool, as_json: bool) -> None:
    """Lists cameras, and takes a picture of each, so that you see which is which.

    \b
    A camera that is not listed by itself:  sorter-find cameras rtsp://192.168.1.8/stream
    """  # noqa: D301 - click wants the control character
    from sorter.edge.finding.cameras import find_cameras, take_picture
    from sorter.errors import CameraError

    found = find_cameras(cameras)
    if not no_pictures:
        found = tuple(take_picture(camera, pictures) for camera in found)
    if as_json:
        print_json([camera.as_json() for camera in found])
    else:
        click.echo("\n\n".join(camera.describe() for camera in found), nl=bool(found))
    if not found:
        raise CameraError(
            "No camera was found.",
            "Plug one in; a CSI camera needs picamera2 and an environment with system packages. "
            "With nothing to plug in, try --camera sim:.",
        )
    if any(camera.picture for camera in found):
        inform(f"Pictures are in {pictures}.")
