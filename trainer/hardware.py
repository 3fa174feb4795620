"""What a training runs on: precision, compilation, and one device or several."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sorter.cli import warn

Choice = Literal["auto", "on", "off"]

_TENSOR_CORES = (7, 0)
"""CUDA compute capability from which on half precision is faster (https://keras.io/api/mixed_precision/)."""


@dataclass(frozen=True)
class HardwareOptions:
    """What to use, as asked for.

    Attributes:
        mixed_precision: Half precision with weights of full precision; ``auto``: on GPUs that profit from it.
        xla: Compiled training steps; ``auto``: on a single GPU. On processors it costs more than it brings.
        distribute: ``mirrored``: every batch is shared among all GPUs of this machine.
    """

    mixed_precision: Choice = "auto"
    xla: Choice = "auto"
    distribute: Literal["none", "mirrored"] = "none"


AUTOMATIC = HardwareOptions()
"""What suits the machine, on one device."""


@dataclass(frozen=True)
class Hardware:
    """What to use, as found.

    Attributes:
        strategy: TensorFlow's, which copies the network to several devices; None for one device.
        precision: Name of a Keras dtype policy.
        xla: Whether training steps are compiled.
    """

    strategy: Any = None
    precision: str = "float32"
    xla: bool = False

    @property
    def replicas(self) -> int:
        """Number of devices that share a batch."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def is_plain(self) -> bool:
        """Whether a network built for it is an ordinary one, of full precision on one device."""
        return self.strategy is None and self.precision == "float32"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """In which variables must be made."""
        if self.strategy is None:
            yield
            return
        with self.strategy.scope():
            yield

    @contextmanager
    def building(self) -> Iterator[None]:
        """In which a network is built, so that it has the precision and lies on the devices."""
        import keras

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)

    def describe(self) -> dict[str, Any]:
        """For the manifest."""
        return {"replicas": self.replicas, "precision": self.precision, "xla": self.xla}


PLAIN = Hardware()
"""One device, full precision, nothing compiled."""


def choose_hardware(options: HardwareOptions) -> Hardware:
    """Looks at the devices and decides. On GPUs, operations are made deterministic, so that a seed means something."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.experimental.enable_op_determinism()
    strategy = _mirror(tf) if options.distribute == "mirrored" else None
    compiled = options.xla == "on" or (options.xla == "auto" and bool(gpus))
    # TensorFlow cannot compile a step in which several devices exchange gradients.
    return Hardware(strategy, _choose_precision(tf, options.mixed_precision, gpus), compiled and strategy is None)


def _choose_precision(tf: Any, choice: Choice, gpus: list[Any]) -> str:
    if choice == "off":
        return "float32"
    if not gpus:
        return "mixed_bfloat16" if choice == "on" else "float32"
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus]
    return "mixed_float16" if choice == "on" or min(capabilities) >= _TENSOR_CORES else "float32"


def _mirror(tf: Any) -> Any:
    """A strategy over all GPUs, or over all logical processors where there is no GPU; None for a single device."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        warn("There is only one device to train on, so --distribute mirrored changes nothing.")
        return None
    return tf.distribute.MirroredStrategy([device.name for device in devices])
