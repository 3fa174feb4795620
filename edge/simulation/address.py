"""Addresses of simulated devices: ``sim:``, ``sim:FOLDER?key=value&key=value``."""

import difflib
from collections.abc import Collection
from dataclasses import fields
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote

from sorter.errors import ConfigError

SCHEME = "sim:"

Options = TypeVar("Options")


def is_simulated(address: str) -> bool:
    """Whether an address names a simulated device."""
    return address.startswith(SCHEME)


def split_address(address: str) -> tuple[str, dict[str, str]]:
    """The folder (or an empty string) and the options of a ``sim:`` address.

    Raises:
        ConfigError: It is no such address.
    """
    if not is_simulated(address):
        raise ConfigError(f"{address!r} is not a simulated device.", f"Its address starts with {SCHEME}.")
    path, _, query = address[len(SCHEME) :].partition("?")
    return unquote(path), dict(parse_qsl(query, keep_blank_values=True))


def read_options(kind: type[Options], given: dict[str, str], leave_out: Collection[str] = ()) -> Options:
    """Makes an options dataclass from the texts of an address; each field's default tells its type.

    Raises:
        ConfigError: A name is unknown or a value has the wrong form.
    """
    defaults = {f.name: f.default for f in fields(kind) if f.name not in leave_out}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in defaults:
            raise unknown_option(name, defaults)
        values[name] = _convert(name, text, defaults[name])
    return kind(**values)


def unknown_option(name: str, known: Collection[str]) -> ConfigError:
    """The error for an option that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(known))}."
    return ConfigError(f"A simulated device has no option {name!r}.", hint)


def _convert(name: str, text: str, default: Any) -> Any:
    try:
        if isinstance(default, bool):
            return {"1": True, "true": True, "yes": True, "": True, "0": False, "false": False, "no": False}[text]
        return type(default)(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"Option {name}={text} is not {_KINDS[type(default)]}.") from error


_KINDS = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}
