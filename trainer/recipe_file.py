"""Recipes as TOML files: what ``sorter-tune`` writes and ``sorter-train --model FILE.toml`` reads.

::

    name = "small-boxes"
    architecture = "custom"
    image_size_px = 96
    dropout = 0.5

    [layers]
    dense = [64]
    convolutions = [{ filters = 32 }, { filters = 64, kernel = 5 }]

    [augmentation]
    rotation_deg = 20.0

    [schedule]
    epochs = 40

Everything but name, architecture, image_size_px and schedule.epochs may be left out. Imports nothing heavy.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from sorter.errors import ConfigError
from sorter.files import write_text
from sorter.settings import Key, as_toml, keys_of, unknown
from sorter.trainer.recipes import Augmentation, Convolution, Layers, Recipe, Schedule

_HINT = "docs/recipes.md shows a whole recipe file."

_SECTIONS: dict[str, type] = {
    "layers": Layers,
    "augmentation": Augmentation,
    "transfer": Schedule,
    "schedule": Schedule,
}


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe from a TOML file; everything in it is checked.

    Raises:
        ConfigError: The file cannot be read, a name in it is unknown, a value is impossible, or its network cannot be
            built because nothing would be left of the pictures.
    """
    content = _read_toml(path)
    try:
        return _make_recipe(content, path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", error.hint or _HINT) from error


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Writes a recipe so that ``read_recipe`` gives the same one.

    Raises:
        StorageError: The file cannot be written.
    """
    parts = [as_toml("", _plain_keys("", Recipe), vars(recipe))]
    for section, kind in _SECTIONS.items():
        options = getattr(recipe, section)
        if options is None:
            continue
        text = as_toml(section, _plain_keys(section, kind), vars(options))
        parts.append(text + _convolution_lines(options) if isinstance(options, Layers) else text)
    write_text(path, "\n".join(parts))


def _make_recipe(content: Mapping[str, Any], path: Path) -> Recipe:
    own = {name: value for name, value in content.items() if name not in _SECTIONS}
    values = _read_table("", Recipe, own, {"source": f"recipe file {path.name}"})
    for section, kind in _SECTIONS.items():
        table = content.get(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{section} is not a section.", f"Write [{section}], and its keys below.")
        if table or section not in ("transfer", "layers"):
            values[section] = _make_section(section, kind, table)
    return Recipe(**values)


def _make_section(section: str, kind: type, table: Mapping[str, Any]) -> Any:
    plain = dict(table)
    convolutions = plain.pop("convolutions", None) if kind is Layers else None
    values = _read_table(section, kind, plain, {})
    if convolutions is not None:
        values["convolutions"] = _read_convolutions(convolutions)
    return _construct(section, kind, values)


def _read_convolutions(tables: Any) -> tuple[Convolution, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError("layers.convolutions must be a list of tables.", "Such as [{ filters = 32, kernel = 3 }].")
    found = []
    for number, table in enumerate(tables, start=1):
        section = f"layers.convolutions {number}"
        found.append(_construct(section, Convolution, _read_table(section, Convolution, table, {})))
    return tuple(found)


def _construct(section: str, kind: type, values: dict[str, Any]) -> Any:
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"[{section}] {error.message}", error.hint) from error


def _read_table(section: str, kind: type, table: Mapping[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    keys = {key.name: key for key in _plain_keys(section, kind)}
    where = f"setting in [{section}] called" if section else "setting called"
    known = [*keys, *(f.name for f in fields(kind) if f.name not in keys)]
    for name in table:
        if name not in keys:
            raise unknown(where, name, known)
    values = {**defaults, **{name: keys[name].read(value, keys[name].path) for name, value in table.items()}}
    for name, key in keys.items():
        if key.default is MISSING and name not in values:
            raise ConfigError(f"{key.path} is missing.", f"It says: {key.explanation}")
    return values


def _plain_keys(section: str, kind: type) -> tuple[Key, ...]:
    """The settings of a table that are no tables themselves."""
    return tuple(key for key in keys_of(section, kind, _HINT) if key.name not in (*_SECTIONS, "convolutions"))


def _convolution_lines(layers: Layers) -> str:
    if not layers.convolutions:
        return ""
    rows = []
    for convolution in layers.convolutions:
        table = as_toml("", keys_of("", Convolution), vars(convolution)).splitlines()
        rows.append("    { " + ", ".join(line for line in table if not line.startswith("#")) + " },\n")
    return "# Convolutions of a custom network, in their order.\nconvolutions = [\n" + "".join(rows) + "]\n"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The recipe file {path} cannot be read: {error.strerror}.", _HINT) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.", "Texts stand in quotes; see https://toml.io.") from error
