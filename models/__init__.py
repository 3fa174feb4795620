"""Shipped networks: ``.tflite`` bundles with one model card each."""

from pathlib import Path

_FOLDER = Path(__file__).parent


def shipped_models() -> list[str]:
    """Names of the shipped networks, as ``--model`` takes them."""
    return sorted(path.stem for path in _FOLDER.glob("*.tflite"))


def find_model(name: str) -> Path:
    """The file that ``--model`` means: a path, or the name of a shipped network."""
    path = Path(name)
    shipped = _FOLDER / f"{name}.tflite"
    return shipped if not path.exists() and shipped.is_file() else path
