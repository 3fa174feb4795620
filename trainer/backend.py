"""TensorFlow, loaded without its notes about the processor, and only where it is needed."""

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sorter.errors import ConfigError


def load_tensorflow() -> None:
    """Imports TensorFlow and Keras quietly; modules that need them can then be imported.

    Raises:
        ConfigError: They are not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with _quiet_standard_error():
            import keras
            import tensorflow
    except ImportError as error:
        raise _missing(f"cannot be imported ({error})") from error
    del keras
    tensorflow.get_logger().setLevel(logging.ERROR)


def require_tensorflow() -> None:
    """Checks that TensorFlow and Keras are installed, without the seconds that loading them takes.

    Raises:
        ConfigError: They are not.
    """
    if not all(importlib.util.find_spec(name) for name in ("tensorflow", "keras")):
        raise _missing("is not installed here")


def _missing(how: str) -> ConfigError:
    return ConfigError(
        f"Training needs TensorFlow, which {how}.",
        "Run: pip install 'sorter-toolkit[train-cpu]' (or [train] for a GPU).",
    )


@contextmanager
def _quiet_standard_error() -> Iterator[None]:
    """Silences what C++ writes while it loads, before its log has levels."""
    sys.stderr.flush()
    saved = os.dup(2)
    with Path(os.devnull).open("wb") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
