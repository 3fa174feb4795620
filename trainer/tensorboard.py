"""History as TensorBoard event files, in the layout and with the names that Keras' own callback uses."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sorter.files import translated_storage_errors
from sorter.trainer.training_record import Epoch

_PLUGIN = "scalars"
"""Name under which TensorBoard draws curves; tf.summary.scalar() would need the tensorboard package for it."""


@contextmanager
def event_files(folder: Path) -> Iterator[Callable[[Epoch], None]]:
    """Gives a function that writes an epoch into ``folder/train`` and ``folder/validation``.

    Raises:
        StorageError: They cannot be written.
    """
    import tensorflow as tf

    metadata = tf.compat.v1.SummaryMetadata(plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name=_PLUGIN))
    with translated_storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    writers = {part: tf.summary.create_file_writer(str(folder / part)) for part in ("train", "validation")}

    def note(epoch: Epoch) -> None:
        values = {
            "train": {
                "epoch_loss": epoch.train_loss,
                "epoch_accuracy": epoch.train_accuracy,
                "epoch_learning_rate": epoch.learning_rate,
            },
            "validation": {"epoch_loss": epoch.validation_loss, "epoch_accuracy": epoch.validation_accuracy},
        }
        for part, scalars in values.items():
            with writers[part].as_default(step=epoch.epoch):
                for name, value in scalars.items():
                    if math.isfinite(value):
                        tf.summary.write(name, tf.constant(value, tf.float32), metadata=metadata)
            writers[part].flush()

    try:
        yield note
    finally:
        for writer in writers.values():
            writer.close()
