"""From the text after ``--camera`` to a camera."""

import urllib.parse
from pathlib import Path

import cv2

from sorter.dataset import PICTURE_SUFFIXES
from sorter.edge.cameras.camera import Camera
from sorter.edge.cameras.network import SCHEMES, NetworkCamera
from sorter.edge.cameras.opencv import OpenCVCamera, V4L2Camera, VideoFile
from sorter.edge.cameras.options import CameraOptions
from sorter.edge.cameras.picamera import PiCamera
from sorter.edge.cameras.snapshot import SnapshotCamera
from sorter.edge.cameras.stills import PictureFolder
from sorter.edge.cameras.view import view_camera
from sorter.errors import CameraError

_FORMS = (
    "Give an index (0), a device (/dev/video0, v4l2:///dev/video0), csi://0, a video file, a folder of pictures, "
    "file://PATH, rtsp://..., http://..., a GStreamer pipeline ending in appsink, or sim:"
)


def make_camera(uri: str, options: CameraOptions | None = None) -> Camera:
    """Makes the camera that a URI names, without opening it. The simulated platform is made elsewhere.

    Args:
        uri: An index, a device, a path or a URI (see the command's help).
        options: What it is asked for; rotation and region hold for every kind.

    Raises:
        CameraError: The text names nothing that could be a camera.
    """
    options = options or CameraOptions()
    return view_camera(_make(uri, options), options)


def _make(uri: str, options: CameraOptions) -> Camera:
    if uri.isdecimal():
        return V4L2Camera(int(uri), options)
    scheme, separator, rest = uri.partition("://")
    if separator and "!" not in scheme:
        return _from_uri(uri, scheme.lower(), rest, options)
    if uri.startswith("/dev/"):
        return V4L2Camera(uri, options)
    if "!" in uri and uri.rsplit("!", 1)[1].strip().startswith("appsink"):
        return OpenCVCamera(uri, cv2.CAP_GSTREAMER, "This build of OpenCV may lack GStreamer; Debian's has it.")
    return _from_path(Path(uri))


def _from_uri(uri: str, scheme: str, rest: str, options: CameraOptions) -> Camera:
    if scheme == "v4l2":
        return _make(rest, options)
    if scheme == "csi":
        if not rest.strip("/").isdecimal():
            raise CameraError(f"Camera {uri!r} has no number.", "For example: --camera csi://0")
        return PiCamera(int(rest.strip("/")), options)
    if scheme == "file":
        return _from_path(Path(urllib.parse.unquote(rest)))
    if scheme in ("http", "https") and Path(urllib.parse.urlsplit(uri).path).suffix.lower() in PICTURE_SUFFIXES:
        return SnapshotCamera(uri, options)
    if scheme in SCHEMES:
        return NetworkCamera(uri, options)
    raise CameraError(f"Camera {uri!r} has an unknown scheme.", _FORMS)


def _from_path(path: Path) -> Camera:
    if path.is_dir() or (path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES):
        return PictureFolder(path)
    if path.is_file():
        return VideoFile(str(path))
    raise CameraError(f"Camera {str(path)!r} is neither a camera nor a file.", _FORMS)
