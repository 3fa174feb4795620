"""``sorter-tune``. Heavy imports are inside the command, so that ``--help`` is quick."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand, json_option, print_json
from sorter.errors import ConfigError

_PATH = click.Path(path_type=Path)


@click.command(cls=SorterCommand)
@click.argument("data", type=_PATH)
@click.option("--out", type=_PATH, required=True, help="Folder for the search and its winner.")
@click.option(
    "--search", "algorithm", type=click.Choice(["random", "hyperband", "bayesian"]), default="random", help="Method."
)
@click.option("--trials", type=click.IntRange(min=1), default=20, help="Networks to try; hyperband plans its own.")
@click.option("--epochs", type=click.IntRange(min=1), default=20, help="For each network; with hyperband, at most.")
@click.option("--image-size", type=click.IntRange(8, 1024), default=128, metavar="PIXELS", help="Side of the input.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, help="Photos in one step.")
@click.option("--split", default="70/10/20", help="Percent for train/validation/test; the test part is not looked at.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, help="Of all randomness.")
@click.option("--max-kb", type=click.FloatRange(min=1), help="Largest file as int8, in 1000 bytes.")
@click.option(
    "--max-ms", type=click.FloatRange(min=0.001), help="Longest inference as int8, on one core of this machine."
)
@click.option("--overwrite", is_flag=True, help="Forget an earlier search in --out instead of going on with it.")
@json_option
def tune(
    data: Path,
    out: Path,
    split: str,
    image_size: int,
    max_kb: float | None,
    max_ms: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Searches for the best small network for the photos in DATA and writes it as a recipe.

    A search that was stopped or killed goes on when the command is given again. The winner is trained with:
    sorter-train DATA --model OUT/recipe.toml
    """
    _require_tuner()
    from sorter.trainer.split import Shares
    from sorter.trainer.tuner import run_search
    from sorter.trainer.tuning import Limits, Search

    limits = Limits(max_kb, max_ms)
    search = Search(data=data, out=out, shares=Shares.parse(split), image_size_px=image_size, limits=limits, **options)
    outcome = run_search(search)
    if outcome is None:
        click.echo("The search is over; the chief has the results.")
        return
    summary = outcome.summary()
    if as_json:
        print_json(summary)
        return
    click.echo(
        f"Best of {summary['trials']}: {summary['network']}: {summary['accuracy']:.1%} of the validation photos right. "
        f"Train it with: sorter-train {data} --model {summary['recipe']}"
    )


def _require_tuner() -> None:
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    try:
        import_module("keras_tuner")
    except ImportError as error:
        raise ConfigError(
            f"The search needs Keras Tuner, which cannot be imported ({error}).", "Run: pip install keras-tuner"
        ) from error
