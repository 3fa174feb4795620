"""One tree of errors.

::

    SorterError                     exit code 1
     ├── ConfigError                3   an option, a configuration or labels that do not fit together
     ├── DatasetError               4   photographs or their folders
     ├── BundleError                5   a .tflite file, its labels or its manifest
     ├── TrainingError              6   a network that cannot be built or trained, weights that do not fit
     ├── ConversionError            7   a network that cannot be converted
     │    └── AccuracyDropError     8   the converted network lost more than allowed
     ├── DeviceError                9
     │    ├── CameraError          10
     │    └── ArmError             11
     └── StorageError              12   a file that cannot be written, a full disk

Ctrl-C ends with 130, wrong usage with 2 (click's), anything unforeseen with 1.

Errors of other libraries are translated once, in the module that talks to that library. The message is one sentence
that names what is wrong; the hint says what to do about it.
"""


class SorterError(Exception):
    """Something the user can understand and mend.

    Args:
        message: One sentence that names what is wrong, with the file, option or device concerned.
        hint: What to do about it; empty when the message says it all.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(SorterError):
    """An option or configuration value is impossible, or two of them contradict each other."""

    exit_code = 3


class DatasetError(SorterError):
    """A data set is missing, empty or has too few classes; or one picture cannot be read."""

    exit_code = 4


class BundleError(SorterError):
    """A ``.tflite`` file is damaged, lacks labels, or contradicts its own manifest."""

    exit_code = 5


class TrainingError(SorterError):
    """A network cannot be built or trained as asked, for instance because its weights do not fit."""

    exit_code = 6


class ConversionError(SorterError):
    """A network cannot be converted."""

    exit_code = 7


class AccuracyDropError(ConversionError):
    """The converted network loses more accuracy than the gate allows."""

    exit_code = 8


class DeviceError(SorterError):
    """A camera or an arm does not do what it should."""

    exit_code = 9


class CameraError(DeviceError):
    """A camera does not open, or stops giving pictures."""

    exit_code = 10


class ArmError(DeviceError):
    """An arm does not open, does not answer, or reports a fault."""

    exit_code = 11


class StorageError(SorterError):
    """A file cannot be written: no space, no permission."""

    exit_code = 12
