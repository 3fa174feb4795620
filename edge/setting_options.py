"""The settings as command-line options: every key of the TOML file is one."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from sorter.edge.configuration import SECTIONS
from sorter.errors import ConfigError
from sorter.settings import Key

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

_SHORT = {
    "camera.source": "--camera",
    "camera.width": "--width",
    "camera.height": "--height",
    "camera.fps": "--fps",
    "camera.rotation": "--rotation",
    "camera.region": "--region",
    "trigger.kind": "--trigger",
    "model.file": "--model",
    "model.labels": "--labels",
    "model.input_range": "--input-range",
    "model.threads": "--threads",
    "decision.votes": "--votes",
    "decision.threshold": "--threshold",
    "decision.margin": "--margin",
    "decision.settle_s": "--settle",
    "decision.thresholds": "--threshold-of",
    "bins.labels": "--bin",
    "bins.reject": "--reject-bin",
    "bins.limit": "--bin-limit",
    "bins.limits": "--limit-of",
    "arm.port": "--port",
    "arm.kind": "--arm",
    "arm.clear_stop": "--clear-stop",
    "recovery.on_fault": "--on-fault",
    "journal.file": "--journal",
    "dashboard.address": "--dashboard",
    "run.objects": "--objects",
}
"""Options that people type often; all others are called ``--section-key``."""


def flag_of(key: Key) -> str:
    """The option of a setting."""
    return _SHORT.get(key.path, "--" + key.path.replace(".", "-").replace("_", "-"))


def setting_options(function: AnyFunction) -> AnyFunction:
    """Adds an option for every setting; their values arrive as one mapping, ``given``, by ``section.name``."""
    return some_setting_options(lambda _key: True)(function)


def some_setting_options(wanted: Callable[[Key], bool]) -> Callable[[AnyFunction], AnyFunction]:
    """Adds an option for each of the settings that a command has a use for."""

    def add(function: AnyFunction) -> AnyFunction:
        for keys in reversed(SECTIONS.values()):
            for key in reversed(keys):
                if wanted(key):
                    function = _option(key)(function)
        return function

    return add


def _option(key: Key) -> Callable[[AnyFunction], AnyFunction]:
    kind, text = key.kind, key.explanation
    common: dict[str, Any] = {"callback": _collect(key), "expose_value": False, "default": None}
    common["hidden"] = key.path not in _SHORT
    if not key.is_table and key.default not in (None, "", ()) and kind is not bool:
        text += f" [{key.default}]"
    if key.is_table:
        shape = "LABEL" if get_args(kind)[0] is str else "BIN"
        return click.option(flag_of(key), multiple=True, metavar=f"{shape}=VALUE", help=text, **common)
    if kind is bool:
        flag = flag_of(key)
        return click.option(f"{flag}/--no-{flag[2:]}", help=text, **common)
    if get_origin(kind) is Literal:
        choices = [str(choice) for choice in get_args(kind) if choice != ""]
        return click.option(flag_of(key), metavar="|".join(choices), help=text, **common)
    return click.option(flag_of(key), metavar=key.name.upper(), help=text, **common)


def _collect(key: Key) -> Callable[[click.Context, click.Parameter, Any], None]:
    def collect(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        given: dict[str, Any] = context.ensure_object(dict)
        if value is None or value == ():
            return
        if key.is_table:
            value = dict(_assignment(key, text) for text in value)
        try:
            given[key.path] = key.read(value, flag_of(key))
        except ConfigError as error:
            given.setdefault("errors", []).append(error)

    return collect


def _assignment(key: Key, text: str) -> tuple[str, str]:
    name, separator, value = text.rpartition("=") if key.path == "bins.labels" else text.partition("=")
    if not separator or not name.strip():
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE.")
    return name.strip(), value.strip()


def given_settings(context: click.Context) -> Mapping[str, Any]:
    """What the command line said, by ``section.name``.

    Raises:
        ConfigError: A value has the wrong form.
    """
    given: dict[str, Any] = context.ensure_object(dict)
    for error in given.get("errors", ()):
        raise error
    return given


def help_all_option(function: AnyFunction) -> AnyFunction:
    """Adds ``--help-all``: ``--help`` shows only what people type often."""

    def show(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            for parameter in context.command.params:
                if isinstance(parameter, click.Option):
                    parameter.hidden = False
            click.echo(context.get_help())
            context.exit()

    return click.option(
        "--help-all", is_flag=True, is_eager=True, expose_value=False, callback=show, help="Show all options, and end."
    )(function)
