"""What a user may choose about the pictures that are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from sorter.errors import ConfigError

KeepWhat = Literal["none", "uncertain", "all"]


@dataclass(frozen=True)
class KeepOptions:
    """Which pictures are kept, and how many.

    Attributes:
        folder: Where; it gets a folder for each predicted label.
        what: ``none``, ``all``, or ``uncertain``: what was rejected for want of certainty, or nearly so.
        near: Distance from the threshold, or from the margin to the second class, that still counts as uncertain.
        max_megabytes: Size of all together; the oldest are removed first.
        max_files: Number of all together.
        min_free_megabytes: Below so much free space on the disk no picture is kept.
        quality: Of the JPEG files, 1 to 100.
    """

    folder: Path = Path("pictures")
    what: KeepWhat = "none"
    near: float = 0.1
    max_megabytes: float = 2000.0
    max_files: int = 20_000
    min_free_megabytes: float = 500.0
    quality: int = 92

    def __post_init__(self) -> None:
        if self.what not in get_args(KeepWhat):
            raise ConfigError(f"Pictures cannot be kept {self.what!r}.", f"Choose {', '.join(get_args(KeepWhat))}.")
        if not 0 <= self.near <= 1 or not 1 <= self.quality <= 100:
            raise ConfigError("Of kept pictures, near must lie between 0 and 1 and quality between 1 and 100.")
        if self.max_megabytes < 1 or self.max_files < 1 or self.min_free_megabytes < 0:
            raise ConfigError(
                "Kept pictures need room for at least 1 MB and 1 file, and free space that is not negative.",
                "To keep none, choose what = none.",
            )
