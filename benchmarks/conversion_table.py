"""Which networks convert to which formats: ``python -m sorter.benchmarks.conversion_table docs/conversion.md``.

Each network is built with random weights, saved as a run, and converted with ``sorter-convert --all``; the results are
run with LiteRT beside the original. Random weights say whether a network converts, how large it becomes and how far its
probabilities move, not what becomes of its accuracy.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from sorter.cli import SorterCommand, inform
from sorter.files import write_json, write_text
from sorter.image import InputSpec
from sorter.manifest import Manifest

NETWORKS = (
    "toy-4conv",
    "tiny",
    "mobilenetv2",
    "mobilenetv3-small",
    "mobilenetv3-large",
    "efficientnetv2-b0",
    "study-vgg16",
    "study-inceptionv3",
    "study-xception",
)
"""Recipes: a custom network, and one of each kind that keras.applications has here."""

LABELS = ("blue", "green", "red")

_BUILD = """
import sys
import keras
from sorter.trainer.networks import build_network
from sorter.trainer.recipes import find_recipe
keras.utils.set_random_seed(1)
recipe = find_recipe(sys.argv[1])
build_network(recipe, 3).save(sys.argv[2])
print(recipe.image_size_px)
"""

_START, _END = "<!-- conversion table: begin -->", "<!-- conversion table: end -->"


def draw_photos(root: Path, per_class: int) -> Path:
    """Draws smooth pictures of one main colour, one folder a class."""
    rng = np.random.default_rng(0)
    for channel, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for i in range(per_class):
            coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            coarse[:, :, [c for c in range(3) if c != channel]] //= 2
            picture = cv2.resize(coarse, (320, 240), interpolation=cv2.INTER_CUBIC)
            cv2.imencode(".jpg", picture)[1].tofile(root / label / f"{i}.jpg")
    return root


def build_run(name: str, folder: Path) -> None:
    """Saves a network with random weights as a finished run."""
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, name, str(folder / "model.keras")], check=True, capture_output=True, text=True
    )
    side = int(done.stdout.split()[-1])
    write_text(folder / "sorter.json", Manifest(name, LABELS, InputSpec(side, side)).to_json())


def convert_all(run: Path, photos: Path, check: Path) -> list[dict[str, Any]]:
    """Rows of ``sorter-convert --all --json``, of formats that failed too."""
    arguments = [run, "--all", "--representative", photos, "--check", check, "--max-drop", "1", "--json"]
    command = [sys.executable, "-c", "from sorter.converters.cli import convert; convert()", *map(str, arguments)]
    done = subprocess.run(
        [*command, "--samples", "12", "--out", str(run / "out.tflite")], capture_output=True, text=True
    )
    try:
        rows: list[dict[str, Any]] = json.loads(done.stdout)
    except ValueError:
        raise click.ClickException(f"{run.name}: {done.stderr[-500:]}") from None
    return rows


def make_table(rows: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: size in MB, and largest difference of a probability, by network and format."""
    formats = [row["format"] for row in next(iter(rows.values()))]
    lines = ["| network | " + " | ".join(formats) + " |", "|---" * (len(formats) + 1) + "|"]
    for name, results in rows.items():
        cells = [
            "no: " + row["error"] if "error" in row else f"{row['bytes'] / 1e6:.2f} MB, {row['worst_difference']:.4f}"
            for row in results
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def insert_table(page: Path, table: str) -> None:
    """Puts the table between its marks in a page."""
    pattern = re.compile(f"{re.escape(_START)}.*?{re.escape(_END)}", re.S)
    write_text(page, pattern.sub(lambda _: f"{_START}\n{table}\n{_END}", page.read_text(encoding="utf-8")))


@click.command(cls=SorterCommand)
@click.argument("page", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--networks", default=",".join(NETWORKS), help="Recipes, parted by commas.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the rows.")
def conversion_table(page: Path | None, networks: str, json_file: Path | None) -> None:
    """Converts networks to all formats, and writes the table into PAGE between its marks."""
    rows = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos, check = draw_photos(folder / "photos", 8), draw_photos(folder / "check", 2)
        for network in networks.split(","):
            inform(network)
            build_run(network, folder / network)
            rows[network] = convert_all(folder / network, photos, check)
    table = make_table(rows)
    click.echo(table)
    if page:
        insert_table(page, table)
    if json_file:
        write_json(json_file, rows)


if __name__ == "__main__":
    conversion_table()
