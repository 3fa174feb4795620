"""Which options of ``sorter-train`` go with one that works on a finished run, and that the others are refused."""

import click
from click.core import ParameterSource

from sorter.errors import ConfigError

_MODES = {
    "qat": ("out", "epochs", "batch_size", "seed", "overwrite", "tensorboard"),
    "prune": ("sparsity", "out", "epochs", "seed", "overwrite"),
    "cluster": ("clusters", "out", "epochs", "seed", "overwrite"),
}
"""By the option that names the run: those that go with it."""

_ALWAYS = ("data", "as_json", "debug", "log", "help", "version")


def refuse_other_options(context: click.Context) -> None:
    """Refuses options that were given and mean nothing to a run that is trained already, and those of another mode.

    Raises:
        ConfigError: There is one; all are named.
    """
    given = {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    }
    mode = next((name for name in _MODES if name in given), None)
    if mode is None:
        _refuse_without_run(list(given.values()))
        return
    others = [flag for name, flag in given.items() if name not in (mode, *_MODES[mode], *_ALWAYS)]
    if others:
        honoured = ", ".join(f"--{name.replace('_', '-')}" for name in _MODES[mode])
        one = len(others) == 1
        raise ConfigError(
            f"--{mode} works on a finished run with its own network, photos and split, so {', '.join(others)} "
            f"{'means' if one else 'mean'} nothing to it.",
            f"Leave {'it' if one else 'them'} out; with --{mode} go {honoured} and --json.",
        )


def _refuse_without_run(flags: list[str]) -> None:
    for flag, mode in {"--sparsity": "--prune", "--clusters": "--cluster"}.items():
        if flag in flags:
            raise ConfigError(f"{flag} means nothing without {mode}.", f"Give {mode} RUN too, or leave {flag} out.")
