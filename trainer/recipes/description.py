"""A recipe as a run's ``sorter.json`` describes it, read back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sorter.errors import ConfigError
from sorter.trainer.recipes.options import Augmentation, Convolution, Layers, Schedule
from sorter.trainer.recipes.recipe import Recipe


def read_description(content: Mapping[str, Any], source: str) -> Recipe:
    """The reverse of ``Recipe.describe``; options that a description of an older version lacks get their defaults.

    Args:
        content: As the manifest has it; what else it holds is left out.
        source: What to call it in an error.

    Raises:
        ConfigError: It describes no recipe.
    """
    try:
        values = _known(Recipe, content)
        layers = _known(Layers, content["layers"])
        layers["convolutions"] = tuple(Convolution(**_known(Convolution, c)) for c in layers["convolutions"])
        values["layers"] = Layers(**layers)
        values["augmentation"] = Augmentation(**_known(Augmentation, content["augmentation"]))
        values["schedule"] = Schedule(**_known(Schedule, content["schedule"]))
        if content.get("transfer"):
            values["transfer"] = Schedule(**_known(Schedule, content["transfer"]))
        return Recipe(**values)
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{source} does not say with which recipe the network was trained.",
            "Give the folder of a run that sorter-train has written.",
        ) from error


def _known(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that a dataclass has fields for; the lists that JSON made of tuples as tuples again."""
    names = {f.name for f in fields(kind)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in content.items() if k in names}
