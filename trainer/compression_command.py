"""``sorter-train DATA --prune RUN`` and ``--cluster RUN``."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sorter.cli import print_json
from sorter.errors import ConfigError
from sorter.trainer.backend import load_tensorflow

if TYPE_CHECKING:
    from sorter.trainer.compression import CompressionOutcome, MakeMethod

PRUNING_EPOCHS = 10
"""More than clustering needs: in the first six, zeros become more."""

CLUSTERING_EPOCHS = 5


def run_compression(
    data: Path,
    as_json: bool,
    prune: Path | None,
    sparsity: float,
    cluster: Path | None,
    clusters: int,
    out: Path | None,
    epochs: int | None,
    seed: int,
    overwrite: bool,
    **_refused: Any,
) -> None:
    """Prunes or clusters a run and says what that cost.

    Raises:
        ConfigError: The run is clustered, and pruning would undo that.
    """
    run = prune or cluster
    assert run is not None
    load_tensorflow()
    from sorter.trainer.compression import CompressionOptions, compress

    folder = out or run.with_name(f"{run.name}-{'pruned' if prune else 'clustered'}")
    passes = epochs or (PRUNING_EPOCHS if prune else CLUSTERING_EPOCHS)
    method = _make_pruning(run, sparsity) if prune else _make_clustering(clusters)
    outcome = compress(CompressionOptions(data, run, folder, passes, seed, overwrite), method)
    if as_json:
        print_json({"out": str(folder), **vars(outcome)})
    else:
        click.echo(_sentence(outcome, folder))


def _make_pruning(run: Path, sparsity: float) -> "MakeMethod":
    from sorter.trainer.pruning import Pruning
    from sorter.trainer.runs import open_run

    done = open_run(run).manifest.recipe.get("compression", [])
    if any(step["method"] == "clustering" for step in done):
        raise ConfigError(f"{run} is clustered, which pruning would undo.", "Prune first, then cluster what comes out.")
    return partial(Pruning, sparsity=sparsity)


def _make_clustering(clusters: int) -> "MakeMethod":
    from sorter.trainer.clustering import Clustering

    return partial(Clustering, clusters=clusters)


def _sentence(outcome: "CompressionOutcome", folder: Path) -> str:
    method, metrics = outcome.method, outcome.metrics
    what = f"{method['zeros']:.0%} zeros" if "zeros" in method else f"{method['clusters']} values"
    return (
        f"{what} in {method['weights']:,} weights. {outcome.before:.1%} of the validation photos were right before and "
        f"{outcome.after:.1%} are now; {metrics['accuracy']:.1%} of {metrics['n']} test photos right. Run: {folder}"
    )
