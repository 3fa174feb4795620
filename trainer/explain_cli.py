"""``sorter-explain``. Heavy imports are inside the command, so that ``--help`` is quick."""

from pathlib import Path

import click

from sorter.cli import SorterCommand, json_option, print_json

_PATH = click.Path(path_type=Path)


@click.command(cls=SorterCommand)
@click.argument("model", type=_PATH)
@click.argument("images", type=_PATH, nargs=-1, required=True)
@click.option("--out", type=_PATH, required=True, help="Folder for the results.")
@click.option("--layer", metavar="NAME", help="Layer to look at, inner/NAME in a model.  [default: last convolution]")
@click.option("--class", "label", metavar="LABEL", help="Class to explain.  [default: the predicted one]")
@click.option("--labels", type=_PATH, help="labels.txt for a .keras file outside of a run folder.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in --out.")
@json_option
def explain(
    model: Path,
    images: tuple[Path, ...],
    out: Path,
    layer: str | None,
    label: str | None,
    labels: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Shows where MODEL looks on IMAGES when it answers: Grad-CAM heat maps beside the pictures.

    MODEL is a run folder or a .keras file, IMAGES are pictures or folders of them. Writes a picture for each, and
    explanations.csv with the answer and the share of the attention that lies on the background.
    """
    from sorter.trainer.illustration import Wish, explain_pictures

    summary = explain_pictures(Wish(model, images, out, layer, label, labels, overwrite))
    if as_json:
        print_json(summary)
        return
    share = summary["mean_background_share"]
    attention = (
        "no object stands out from its background"
        if share is None
        else f"where an object stands out ({summary['objects_found']}), {share:.0%} of the attention is on the "
        f"background, which is {summary['mean_background_area']:.0%} of the picture"
    )
    click.echo(f"{summary['pictures']} pictures explained by layer {summary['layer']}; {attention}. Results: {out}")
