"""``sorter-train --qat``. Heavy imports are inside, so that ``--help`` is quick."""

from pathlib import Path
from typing import Any

import click

from sorter.cli import INTERRUPTED, inform, print_json


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
