"""Pictures turned upright and cut to the region of interest, whatever camera they come from."""

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np

from sorter.edge.cameras.camera import Camera, CameraSetupError, Frame
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.region import Region
from sorter.errors import CameraError
from sorter.image import Pixels

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class ViewedCamera(Camera):
    """A camera whose pictures are turned and cut.

    Args:
        camera: Where they come from.
        rotation: Degrees clockwise: 0, 90, 180 or 270.
        region: Part of the turned picture; None for all of it.
    """

    def __init__(self, camera: Camera, rotation: int = 0, region: Region | None = None) -> None:
        self.inner = camera
        self.name, self.live = camera.name, camera.live
        self.recorded, self.noisy = camera.recorded, camera.noisy
        self._rotation, self._region = rotation, region

    @property
    def settings(self) -> Mapping[str, str]:
        """What the camera's driver reports."""
        return self.inner.settings

    def open(self) -> None:
        """Starts the camera (see ``Camera.open``)."""
        self.inner.open()

    def read(self) -> Frame | None:
        """Waits for the next frame (see ``Camera.read``).

        Raises:
            CameraSetupError: The region reaches beyond the picture.
            CameraError: The camera failed.
        """
        frame = self.inner.read()
        return None if frame is None else replace(frame, image=self._view(frame.image))

    def close(self) -> None:
        """Stops the camera; closing twice does nothing."""
        self.inner.close()

    def _view(self, image: Pixels) -> Pixels:
        turned: Pixels = image
        if self._rotation:
            turned = cv2.rotate(image, _TURNS[self._rotation])  # type: ignore[assignment]
        if self._region is None:
            return turned
        try:
            left, upper, right, lower = self._region.resolve((turned.shape[1], turned.shape[0]))
        except CameraError as error:
            raise CameraSetupError(error.message, error.hint) from error
        return np.ascontiguousarray(turned[upper:lower, left:right])


def view_camera(camera: Camera, options: CameraOptions) -> Camera:
    """The camera with its pictures turned and cut as the options say; the camera itself where they say nothing."""
    region = Region.parse(options.region)
    return ViewedCamera(camera, options.rotation, region) if options.rotation or region else camera
