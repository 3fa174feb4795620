"""``sorter-train --qat``. Heavy imports are inside, so that ``--help`` is quick."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from sorter.cli import INTERRUPTED, inform, print_json
from sorter.errors import ConfigError

_HONOURED = ("out", "epochs", "batch_size", "seed", "overwrite", "tensorboard")

_ALWAYS = ("data", "qat", "as_json", "debug", "log", "help", "version")


def refuse_other_options(context: click.Context) -> None:
    """Refuses options that were given and mean nothing to a run that is trained already.

    Raises:
        ConfigError: There is one; all are named.
    """
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name not in (*_HONOURED, *_ALWAYS)
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        honoured = ", ".join(f"--{name.replace('_', '-')}" for name in _HONOURED)
        raise ConfigError(
            f"--qat fine-tunes a finished run with its own network, photos and split, so {', '.join(given)} "
            f"{'means' if len(given) == 1 else 'mean'} nothing to it.",
            f"Leave {'it' if len(given) == 1 else 'them'} out; with --qat go {honoured} and --json.",
        )


def run_qat(
    data: Path,
    run: Path,
    as_json: bool,
    out: Path | None,
    epochs: int | None,
    batch_size: int | None,
    seed: int,
    overwrite: bool,
    tensorboard: bool,
    **_refused: Any,
) -> None:
    """Fine-tunes a finished run for int8, and says what that brought."""
    from sorter.trainer.backend import load_tensorflow

    load_tensorflow()
    from sorter.trainer.qat import EPOCHS, QatOptions, fine_tune

    folder = out or run.with_name(f"{run.name}-qat")
    options = QatOptions(
        data, run, folder, epochs or EPOCHS, batch_size, seed=seed, overwrite=overwrite, tensorboard=tensorboard
    )
    outcome = fine_tune(options)
    tuned = outcome.manifest.recipe["quantisation_aware"]
    figures = outcome.summary(folder)
    if as_json:
        print_json({**figures, "quantisation_aware": tuned})
    else:
        click.echo(
            f"Rounded to int8, {tuned['validation_before']:.1%} of the validation photos were right before and "
            f"{tuned['validation_after']:.1%} are now; {tuned['test']['accuracy']:.1%} of {figures['n']} test photos "
            f"right, {figures['accuracy']:.1%} in floating point. Report: {figures['report']}"
        )
    if outcome.interrupted:
        inform("The fine-tuning was stopped early; the run holds its best network so far.")
        click.get_current_context().exit(INTERRUPTED)
