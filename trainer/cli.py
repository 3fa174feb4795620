"""``sorter-train`` and ``sorter-evaluate``. Heavy imports are inside the commands, so that ``--help`` is quick."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from sorter.cli import INTERRUPTED, SorterCommand, inform, json_option, print_json
from sorter.trainer.backend import load_tensorflow
from sorter.trainer.finished_run_options import refuse_other_options
from sorter.trainer.qat_cli import run_qat
from sorter.trainer.recipes import DEFAULT_RECIPE, RECIPES, Recipe

if TYPE_CHECKING:
    from sorter.trainer.jobs import Job

_FITS = click.Choice(["stretch", "crop", "pad"])
_PATH = click.Path(path_type=Path)
_CHOICES = click.Choice(["auto", "on", "off"])
_RANGES = ("bytes", "0..1", "-1..1")


@click.command(cls=SorterCommand)
@click.argument("data", type=_PATH, required=False)
@click.option("--model", default=DEFAULT_RECIPE, metavar="NAME|FILE.toml", help="Recipe; see --list-models.")
@click.option("--out", type=_PATH, help="Run folder to write.  [default: runs/MODEL]")
@click.option("--weights", metavar="imagenet|none|FILE", help="Weights to start from.  [default: the recipe's]")
@click.option("--image-size", type=click.IntRange(8, 4096), metavar="PIXELS", help="Side of the network's input.")
@click.option(
    "--width",
    type=click.FloatRange(0.05, 4),
    metavar="FACTOR",
    help="Filters in every layer, times this.  [default: 1]",
)
@click.option("--fit", type=_FITS, help="How photos of another shape become square.  [default: the recipe's]")
@click.option("--epochs", type=click.IntRange(min=1), help="Passes over the photos.  [default: the recipe's]")
@click.option("--batch-size", type=click.IntRange(min=1), help="Photos in one step.  [default: the recipe's]")
@click.option("--split", default="70/10/20", help="Percent for train/validation/test.")
@click.option("--split-csv", type=_PATH, metavar="FILE", help="Repeat the split of an earlier run.")
@click.option("--group-by", metavar="REGEX", help="What in a file's name says which object it shows.")
@click.option("--seed", type=click.IntRange(min=0, max=2**32 - 1), default=0, help="Of all randomness.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier run in --out.")
@click.option("--resume", is_flag=True, help="Go on with the training in --out that was interrupted or killed.")
@click.option("--compare", metavar="A,B,...", help="Train several recipes on one split, into OUT/RECIPE.")
@click.option(
    "--folds", type=click.IntRange(min=2), metavar="K", help="Cross-validate by K trainings, into OUT/fold-N."
)
@click.option("--sweep", metavar="'width=A,B size=C,D'", help="Train one recipe in these sizes; report on the files.")
@click.option("--dry-run", is_flag=True, help="Print network, photos and estimated time, and write nothing.")
@click.option("--head-only", is_flag=True, help="Train the head alone, on a frozen backbone: takes a minute.")
@click.option("--tensorboard", is_flag=True, help="Write event files for TensorBoard into the run.")
@click.option("--mixed-precision", type=_CHOICES, default="auto", help="Half precision; auto: on GPUs that profit.")
@click.option("--xla", type=_CHOICES, default="auto", help="Compiled training steps; auto: on a single GPU.")
@click.option("--distribute", type=click.Choice(["none", "mirrored"]), default="none", help="Share among all GPUs.")
@click.option("--list-models", is_flag=True, help="Print the recipes and end.")
@click.option("--classes", type=click.IntRange(min=2), default=6, help="For the sizes in --list-models.")
@click.option("--quick-check", is_flag=True, help="Only show what the ImageNet network says about sample photos.")
@click.option("--qat", type=_PATH, metavar="RUN", help="Fine-tune a finished run for int8, a few epochs, into --out.")
@click.option("--prune", type=_PATH, metavar="RUN", help="Fine-tune a finished run with ever more zeros, into --out.")
@click.option(
    "--sparsity", type=click.FloatRange(0.05, 0.95), default=0.5, help="Share of zeros in the layers that are pruned."
)
@click.option("--cluster", type=_PATH, metavar="RUN", help="Fine-tune a finished run with few weights that differ.")
@click.option("--clusters", type=click.IntRange(5, 128), default=16, help="Different weights in a clustered layer.")
@json_option
def train(
    data: Path | None,
    list_models: bool,
    classes: int,
    quick_check: bool,
    qat: Path | None,
    prune: Path | None,
    sparsity: float,
    cluster: Path | None,
    clusters: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Trains a network on the photos in DATA and writes a run folder.

    DATA has one folder a class, or folders called train, validation and test with these, or is a CSV file with the
    columns path and label. The accuracy is that on the test part, which training never sees.
    """
    refuse_other_options(click.get_current_context())
    if list_models:
        _list_models(classes, as_json)
        return
    if data is None:
        raise click.UsageError("Missing argument 'DATA': a folder with one folder of photos a class.")
    if quick_check:
        from sorter.trainer.quick_check import run_quick_check

        run_quick_check(data, as_json, **options)
        return
    if qat is not None:
        run_qat(data, qat, as_json, **options)
        return
    if prune is not None or cluster is not None:
        from sorter.trainer.compression_command import run_compression

        run_compression(data, as_json, prune, sparsity, cluster, clusters, **options)
        return
    _train(data, as_json, **options)


def _train(data: Path, as_json: bool, dry_run: bool, **options: Any) -> None:
    from sorter.trainer.series import SeriesOptions, plan_series

    series = SeriesOptions(data=data, **options)
    jobs = plan_series(series)
    load_tensorflow()
    if dry_run:
        _preview(jobs[:1] if series.folds else jobs, as_json)
    elif series.sweep:
        from sorter.trainer.sweep_command import run_sweep

        run_sweep(jobs, as_json)
    elif series.compare or series.folds:
        _compare(jobs, as_json, bool(series.folds))
    else:
        _train_one(jobs[0], as_json)


def _preview(jobs: list["Job"], as_json: bool) -> None:
    from sorter.trainer.preview import preview_job

    previews = []
    for job in jobs:
        preview = preview_job(job)
        # The networks of a sweep are of one recipe.
        name = job.out.name if len(jobs) > 1 else job.recipe.name
        previews.append({"model": name, **preview.summary()})
        if not as_json:
            click.echo("\n".join([f"{name}:", *preview.lines()]))
    if as_json:
        print_json({"previews": previews})


def _compare(jobs: list["Job"], as_json: bool, are_folds: bool) -> None:
    from sorter.trainer.comparison import compare_jobs, comparison_lines

    comparison = compare_jobs(jobs, jobs[0].out.parent)
    mean, deviation = comparison.spread()
    if as_json:
        rows = [{k: None if v != v else v for k, v in vars(row).items()} for row in comparison.rows]
        more = {"mean_accuracy": mean, "standard_deviation": deviation} if are_folds else {}
        print_json({"runs": rows, **{k: None if v != v else v for k, v in more.items()}})
    else:
        click.echo("\n".join(comparison_lines(comparison)))
        if are_folds:
            click.echo(f"test accuracy {mean:.1%} +- {deviation:.1%} (standard deviation over the folds)")
    if comparison.interrupted:
        inform("Stopped. --resume goes on with what is missing.")
        click.get_current_context().exit(INTERRUPTED)
    if comparison.failed:
        click.get_current_context().exit(1)


def _train_one(job: "Job", as_json: bool) -> None:
    from sorter.trainer.pipeline import run_job

    outcome = run_job(job)
    figures = outcome.summary(job.out)
    if as_json:
        print_json(figures)
    else:
        click.echo(
            f"{figures['accuracy']:.1%} of {figures['n']} test photos right; hardest class {figures['worst_class']} "
            f"({figures['worst_class_recall']:.1%}). {figures['seconds'] / 60:.1f} min. Report: {figures['report']}"
        )
    if outcome.interrupted:
        inform("The training was stopped early; the run holds its best network so far. --resume goes on with it.")
        click.get_current_context().exit(INTERRUPTED)


def _list_models(classes: int, as_json: bool) -> None:
    load_tensorflow()
    from sorter.trainer.networks import measure_size

    rows = [_model_row(recipe, measure_size(recipe, classes)) for recipe in RECIPES.values()]
    if as_json:
        print_json({"classes": classes, "models": rows})
        return
    click.echo(f"{'name':30}{'input':>9}{'parameters':>13}{'trainable':>13}  source   ({classes} classes)")
    for row in rows:
        side = row["input_size_px"]
        click.echo(
            f"{row['name']:30}{f'{side}x{side}':>9}{row['parameters']:>13,}{row['trainable_parameters']:>13,}  "
            f"{row['source']}"
        )


def _model_row(recipe: Recipe, size: Any) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "source": recipe.source,
        "input_size_px": recipe.image_size_px,
        "parameters": size.parameters,
        "trainable_parameters": size.trainable,
        "weights": recipe.weights,
        "default": recipe.name == DEFAULT_RECIPE,
    }


@click.command(cls=SorterCommand)
@click.argument("model", type=_PATH)
@click.argument("data", type=_PATH)
@click.option("--out", type=_PATH, required=True, help="Folder for the results.")
@click.option(
    "--subset",
    type=click.Choice(["test", "all"]),
    help="Photos to use.  [default: the run's test part where DATA holds it, else all]",
)
@click.option("--split-csv", type=_PATH, help="A run's split.csv, whose test part is to be used.")
@click.option("--labels", type=_PATH, help="labels.txt for a .tflite without labels.")
@click.option("--input-range", type=click.Choice(_RANGES), help="Pixels of a foreign float .tflite.")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in --out.")
@json_option
def evaluate(
    model: Path,
    data: Path,
    out: Path,
    subset: Literal["test", "all"] | None,
    split_csv: Path | None,
    labels: Path | None,
    input_range: Literal["bytes", "0..1", "-1..1"] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Judges MODEL on the photos in DATA and writes metrics, predictions, plots and a report.

    MODEL is a run folder, the .keras file in it, or a .tflite file.
    """
    from sorter.trainer.assessment import Request, assess

    request = Request(model, data, out, subset, split_csv, labels, input_range, overwrite)
    metrics = assess(request)
    if as_json:
        print_json(metrics)
        return
    click.echo(
        f"{metrics['accuracy']:.1%} of {metrics['n']} photos right; hardest class {metrics['worst_class']} "
        f"({metrics['worst_class_recall']:.1%}). Results: {out}"
    )
