"""Time and memory of ``sorter-audit``, and memory of the picture cache for any number of photos.

``python -m sorter.benchmarks.photos DATA --json FILE``. Each figure comes from a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from sorter.cli import SorterCommand
from sorter.errors import SorterError

_AUDIT = "from sorter.trainer.audit.cli import audit; audit()"

_CACHE = """
import sys
from itertools import cycle, islice
from pathlib import Path
from sorter.dataset import open_dataset
from sorter.image import InputSpec
from sorter.trainer.cache import picture_cache, release_pages
data, file, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
photos = tuple(islice(cycle(open_dataset(data).photos), count))
with picture_cache(photos, InputSpec(224, 224), file) as cache:
    for start in range(0, len(cache.photos), 256):
        cache.pixels[start : start + 256].sum()
        release_pages(cache.pixels)
"""


@click.command(cls=SorterCommand)
@click.argument("data", type=click.Path(path_type=Path, exists=True))
@click.option("--counts", default="2000,10000,20000", help="Photos in the cache; those in DATA, over and over.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to store the figures.")
def photos(data: Path, counts: str, json_file: Path | None) -> None:
    """Measures what looking at the photos in DATA costs."""
    from sorter.benchmarks.machine import describe_machine
    from sorter.dataset import open_dataset
    from sorter.files import write_json

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        number = len(open_dataset(data).photos)
        figures[f"audit of {number} photos"] = measure([_AUDIT, str(data), "--out", folder])
        for count in counts.split(","):
            arguments = [_CACHE, str(data), str(Path(folder) / "cache"), count]
            figures[f"cache of {count} photos at 224"] = measure(arguments)
    for name, figure in figures.items():
        click.echo(f"{name}: {figure['seconds']:.1f} s, {figure['peak_mb']:.0f} MB")
    if json_file:
        write_json(json_file, {"machine": describe_machine(), **figures})


def measure(arguments: list[str]) -> dict[str, float]:
    """Runs Python code in a process of its own: its seconds, and its largest resident memory in megabytes."""
    started_s = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-c", *arguments], stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        # The process is already reaped; Popen must not wait for it again.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SorterError(f"The measured process failed: {output.read().decode(errors='replace').strip()[-300:]}")
    return {"seconds": time.perf_counter() - started_s, "peak_mb": usage.ru_maxrss / 1024}


if __name__ == "__main__":
    photos()
