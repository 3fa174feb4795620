"""Small pictures of photos, beside each other, as JPEG."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sorter.dataset import Photo, map_photos
from sorter.errors import DatasetError
from sorter.image import Fit, InputSpec, Pixels, prepare, read_image

_GAP_PX = 4
_QUALITY = 80
_WHITE, _GREY = 255, 226


def read_tiles(photos: Sequence[Photo], side_px: int, fit: Fit) -> list[Pixels]:
    """Reads photos as uint8 RGB squares; those that can no longer be read are grey."""
    spec = InputSpec(side_px, side_px, fit)
    return list(map_photos(photos, lambda photo: _read_tile(photo, spec)))


def _read_tile(photo: Photo, spec: InputSpec) -> Pixels:
    try:
        return prepare(read_image(photo.path), spec)
    except DatasetError:
        return np.full(spec.shape, _GREY, np.uint8)


def arrange(tiles: Sequence[Pixels], columns: int) -> Pixels:
    """Puts squares of one size beside each other, row by row, on white: uint8 RGB."""
    columns = min(columns, len(tiles))
    rows, side = -(-len(tiles) // columns), tiles[0].shape[0]
    step = side + _GAP_PX
    sheet = np.full((rows * step - _GAP_PX, columns * step - _GAP_PX, 3), _WHITE, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = i // columns * step, i % columns * step
        sheet[top : top + side, left : left + side] = tile
    return sheet


def enlarge(picture: Pixels, side_px: int) -> Pixels:
    """Enlarges a small square smoothly."""
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_CUBIC), np.uint8)


def encode_jpeg(picture_rgb: Pixels) -> bytes:
    """The JPEG file of a uint8 RGB picture."""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return encoded.tobytes()


def choose_samples(photos: Sequence[Photo], count: int, rng: np.random.Generator) -> list[Photo]:
    """Some photos at random, in their order."""
    chosen: npt.NDArray[np.int64] = np.sort(rng.permutation(len(photos))[:count])
    return [photos[i] for i in chosen]
