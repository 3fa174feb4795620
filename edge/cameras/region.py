"""A rectangle of the picture: the text ``x,y,width,height``."""

import math
from dataclasses import dataclass
from typing import Self

from sorter.errors import CameraError, ConfigError

_LEAST_SIDE_PX = 8


@dataclass(frozen=True)
class Region:
    """A part of the upright picture.

    All four numbers are shares of the picture's sides when none is above 1, pixels otherwise: a region of one pixel
    would be of no use, so the two cannot be mistaken for each other.

    Attributes:
        x: Left edge.
        y: Upper edge.
        width: Columns.
        height: Rows.
    """

    x: float
    y: float
    width: float
    height: float

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Reads ``x,y,width,height``; None for an empty text.

        Raises:
            ConfigError: The text is something else, or no rectangle.
        """
        if not text.strip():
            return None
        try:
            x, y, width, height = (float(part) for part in text.split(","))
        except ValueError:
            raise ConfigError(f"Region {text!r} is not of the form x,y,width,height.", _FORMS) from None
        if not all(map(math.isfinite, (x, y, width, height))) or min(x, y) < 0 or min(width, height) <= 0:
            raise ConfigError(f"Region {text!r} is no part of a picture.", _FORMS)
        region = cls(x, y, width, height)
        if region.in_shares and max(x + width, y + height) > 1 + 1e-9:
            raise ConfigError(f"Region {text!r} reaches beyond the picture: x + width and y + height are at most 1.")
        return region

    @property
    def in_shares(self) -> bool:
        """Whether the numbers are shares of the picture's sides."""
        return max(self.x, self.y, self.width, self.height) <= 1

    def resolve(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, upper, right and lower edge in pixels; right and lower are the first pixels outside.

        Args:
            size: (width, height) of the upright picture, in pixels.

        Raises:
            CameraError: The region reaches beyond the picture, or nothing is left of it.
        """
        across, down = size if self.in_shares else (1, 1)
        left, upper = round(self.x * across), round(self.y * down)
        right, lower = round((self.x + self.width) * across), round((self.y + self.height) * down)
        if right > size[0] or lower > size[1]:
            raise CameraError(
                f"Region {self} reaches beyond the camera's picture of {size[0]}x{size[1]} pixels.",
                f"Choose x + width up to {size[0]} and y + height up to {size[1]}, after rotation.",
            )
        if min(right - left, lower - upper) < _LEAST_SIDE_PX:
            raise CameraError(
                f"Region {self} leaves {right - left}x{lower - upper} of {size[0]}x{size[1]} pixels.",
                f"Both sides need {_LEAST_SIDE_PX} pixels or more.",
            )
        return left, upper, right, lower

    def __str__(self) -> str:
        return ",".join(f"{number:g}" for number in (self.x, self.y, self.width, self.height))


_FORMS = "For example 100,40,400,400 in pixels, or 0.25,0,0.5,1 in shares of the picture."
