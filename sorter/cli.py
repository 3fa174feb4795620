"""What all commands share: errors as one sentence with a hint, exit codes, JSON output, progress."""

import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import click

from sorter import log
from sorter._version import __version__
from sorter.errors import SorterError

_LOG_FORMAT = "sorter.log"
"""Where click's context keeps what ``--log`` says."""

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells have it (128 + SIGINT)."""

Item = TypeVar("Item")
AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


class SorterCommand(click.Command):
    """A command that ends every failure in one clear sentence, a hint and a documented exit code.

    Adds ``--debug`` (show the traceback), ``--log`` (messages for people or for programs) and ``--version``. SIGTERM is
    treated as Ctrl-C, so that a service manager stops a command as cleanly as a person does.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "show_default": True})
        super().__init__(*args, **kwargs)
        self.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks."))
        self.params.append(_log_option())
        version = click.version_option(__version__, prog_name="sorter-toolkit")
        version(self)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command and translates how it ends."""
        with log.logging_as(ctx.meta.get(_LOG_FORMAT, "text")):
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        previous = signal.signal(signal.SIGTERM, _as_interrupt)
        try:
            return super().invoke(ctx)
        except SorterError as error:
            log.write("error", error.message, error.hint, exit_code=error.exit_code)
            _traceback_if_asked()
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            log.write("info", "\nStopped.")
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            # click itself ends quietly when the reader of a pipe goes away.
            raise
        except Exception as error:
            log.write(
                "error",
                f"Something unforeseen went wrong ({type(error).__name__}: {error}).",
                "Run it again with --debug, and please report what it prints.",
                exit_code=1,
            )
            _traceback_if_asked()
            ctx.exit(1)
        finally:
            signal.signal(signal.SIGTERM, previous)


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _traceback_if_asked() -> None:
    if "--debug" in sys.argv:
        log.write_traceback()


def _log_option() -> click.Option:
    def remember(ctx: click.Context, _param: click.Parameter, value: str) -> None:
        ctx.meta[_LOG_FORMAT] = value

    return click.Option(
        ["--log"],
        type=click.Choice(log.LOG_FORMATS),
        default="text",
        envvar="SORTER_LOG",
        expose_value=False,
        callback=remember,
        help="Messages on standard error: for people, or one JSON object a line.",
    )


def json_option(command: AnyFunction) -> AnyFunction:
    """Adds ``--json``: results as one JSON document on standard output, everything else on standard error."""
    return click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")(command)


def print_json(content: Any) -> None:
    """Prints results for machines."""
    click.echo(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False))


def warn(message: str, hint: str = "", **fields: Any) -> None:
    """Prints a warning: something the user should know though the work goes on.

    Args:
        message: One sentence.
        hint: What to do about it.
        **fields: What a program may want to know; shown with ``--log json`` only.
    """
    log.write("warning", message, hint, **fields)


def inform(message: str, **fields: Any) -> None:
    """Prints what is being done, to standard error, so that it never mixes with results.

    Args:
        message: One sentence.
        **fields: What a program may want to know; shown with ``--log json`` only.
    """
    log.write("info", message, **fields)


@contextmanager
def progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a progress bar with an estimate of the time left, on a terminal; one line at the end elsewhere.

    Gives a function to call with the number of steps just done.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda steps: bar.advance(task, steps)


def track(items: Iterable[Item], description: str, total: int) -> Iterator[Item]:
    """Iterates over items with a progress bar."""
    with progress(description, total) as advance:
        for item in items:
            yield item
            advance(1)
