"""Options dataclasses as a TOML file and as command-line options: names, types and explanations are written once.

A section is a frozen dataclass; its fields are the keys. What a field may hold follows from its annotation, its
explanation from the ``Attributes`` of the docstring.
"""

import difflib
import inspect
import json
import re
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from sorter.errors import ConfigError


@dataclass(frozen=True)
class Key:
    """One setting.

    Attributes:
        section: Table of the TOML file.
        name: Key in that table, and field of the section's dataclass.
        kind: Annotation of the field.
        default: Its value where nobody says anything.
        explanation: What it means, in a sentence or two.
        hint: Where people find all settings; said where a value has the wrong form.
    """

    section: str
    name: str
    kind: Any
    default: Any
    explanation: str
    hint: str = ""

    @property
    def path(self) -> str:
        """``section.name``, or the name alone of a setting outside of all sections."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def is_table(self) -> bool:
        """Whether it holds several values by name."""
        return get_origin(self.kind) is Mapping

    def read(self, value: Any, source: str) -> Any:
        """Brings a value from a TOML file or a command line into the type of the field.

        Args:
            value: As read; texts are converted where the field is no text.
            source: How people know it: ``camera.width`` or ``--width``.

        Raises:
            ConfigError: It has the wrong form.
        """
        try:
            return _convert(value, self.kind, source)
        except ConfigError as error:
            raise ConfigError(error.message, self.hint) from error


def keys_of(section: str, options: type, hint: str = "") -> tuple[Key, ...]:
    """The settings of one section: those of the class itself first, then those of the class that it extends.

    One that must be given has ``dataclasses.MISSING`` as its default.
    """
    hints = typing.get_type_hints(options)
    explained = _explanations(options)
    found = []
    own = inspect.get_annotations(options)
    for field in sorted(fields(options), key=lambda field: field.name not in own):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        found.append(Key(section, field.name, hints[field.name], default, explained.get(field.name, ""), hint))
    return tuple(found)


def _explanations(options: type) -> dict[str, str]:
    """The ``Attributes`` of the docstrings of a dataclass and those it extends."""
    explained: dict[str, str] = {}
    for kind in reversed(options.__mro__[:-1]):
        _, _, attributes = (kind.__doc__ or "").partition("Attributes:\n")
        for name, text in re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", attributes, re.MULTILINE):
            plain = re.sub(r"``([^`]*)``", r"\1", " ".join(text.split()))
            explained[name] = re.sub(r"\bNone\b", "left out", plain)
    return explained


def unknown(what: str, name: str, known: Collection[str]) -> ConfigError:
    """The error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name, known, n=1)
    return ConfigError(
        f"There is no {what} {name!r}.",
        f"Did you mean {near[0]}?" if near else f"There are: {', '.join(sorted(known))}.",
    )


def _convert(value: Any, kind: Any, source: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        wanted = [part for part in get_args(kind) if part is not type(None)]
        return None if value is None or value == "" else _convert(value, wanted[0], source)
    if origin is Literal:
        if value not in get_args(kind):
            raise _wrong(source, value, f"one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is Mapping:
        return _convert_table(value, kind, source)
    if origin is tuple:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(";")]
        if not isinstance(value, list | tuple):
            raise _wrong(source, value, "a list")
        parts = get_args(kind)
        if Ellipsis not in parts and len(value) != len(parts):
            raise _wrong(source, value, f"a list of {len(parts)}")
        return tuple(_convert(part, parts[0], source) for part in value)
    return _convert_scalar(value, kind, source)


def _convert_table(value: Any, kind: Any, source: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(source, value, "a table")
    key_kind, value_kind = get_args(kind)
    return {
        _convert(key, key_kind, f"a key of {source}"): _convert(part, value_kind, f"{source}.{key}")
        for key, part in value.items()
    }


def _convert_scalar(value: Any, kind: Any, source: str) -> Any:
    try:
        if kind is bool and isinstance(value, str):
            return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[value.lower()]
        if kind is int and isinstance(value, str):
            return int(value)
        if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
            number = float(value)
            if number != number or number in (float("inf"), float("-inf")):
                raise ValueError
            return number
        if kind is Path and isinstance(value, str | Path) and str(value):
            return Path(value)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
    except (ValueError, KeyError):
        pass
    raise _wrong(source, value, _KINDS[kind])


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a path"}


def _wrong(source: str, value: Any, wanted: str) -> ConfigError:
    return ConfigError(f"{source} is {value!r}, but must be {wanted}.")


def as_toml(section: str, keys: tuple[Key, ...], values: Mapping[str, Any]) -> str:
    """One section of a TOML file, with explanations; settings that hold nothing are commented out."""
    lines = [f"[{section}]"] if section else []
    tables = [key for key in keys if key.is_table]
    for key in keys:
        if key not in tables:
            value = values[key.name]
            lines += [f"# {line}" for line in _wrap(key.explanation)]
            lines.append(f"# {key.name} =" if value is None else f"{key.name} = {_toml(value)}")
    for key in tables:
        lines += ["", f"[{section}.{key.name}]", *(f"# {line}" for line in _wrap(key.explanation))]
        lines += [f"{_toml(str(name))} = {_toml(value)}" for name, value in values[key.name].items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(part) for part in value)}]"
    # A JSON string is a TOML basic string; of the control characters TOML forbids DEL alone in addition.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _wrap(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 110)
