"""``sorter-sim``: what stands in for hardware and photographs.

Heavy imports live inside the commands, so that ``--help`` answers at once.
"""

from pathlib import Path

import click

from sorter.cli import SorterCommand, inform, track


class SizeType(click.ParamType):
    """WIDTHxHEIGHT in pixels, as in ``320x240``."""

    name = "WxH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Reads ``320x240``."""
        if isinstance(value, tuple):
            return value
        width, separator, height = str(value).lower().partition("x")
        if not (separator and width.isdecimal() and height.isdecimal()):
            self.fail(f"{value!r} is not a size such as 320x240.", param, ctx)
        return int(width), int(height)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def sim() -> None:
    """Simulated arm and rendered demo pictures: try everything with nothing plugged in."""


sim.command_class = SorterCommand


@sim.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make; one folder a class.")
@click.option("--per-class", type=click.IntRange(1, 99999), default=400, help="Pictures of each fruit.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Equal seeds give equal pictures.")
@click.option("--size", type=SizeType(), default="320x240", help="Size of a picture in pixels.")
@click.option("--format", "file_format", type=click.Choice(["jpg", "png"]), default="jpg", help="File format.")
def render(out: Path, per_class: int, seed: int, size: tuple[int, int], file_format: str) -> None:
    """Draws a data set of six fruits: shape, texture, pose, light and ground vary."""
    from typing import Literal, cast

    from sorter.edge.simulation.collection import RenderOptions, write_collection
    from sorter.edge.simulation.fruit import FRUITS

    options = RenderOptions(per_class, seed, *size, cast("Literal['jpg', 'png']", file_format))
    total = per_class * len(FRUITS)
    for _path in track(write_collection(out, options), "Rendering", total):
        pass
    inform(f"{total} pictures of {len(FRUITS)} fruits in {out}.")
