"""Whether photos that a network is judged by were among those it was trained on: then its accuracy is too good."""

from contextlib import suppress
from pathlib import Path

from sorter.benchmarks.pictures import PhotoSource
from sorter.dataset import apply_split
from sorter.errors import DatasetError

SEEN = (
    "training saw some of these photos, so that it is right on them more often than on new ones. Choose the test part "
    "of its run with --split-csv RUN/split.csv."
)


def was_trained_on(model: Path, data_set: str, photos: PhotoSource) -> bool:
    """Whether a network has seen some of the photos in training, as far as it can be told.

    A network carries the fingerprint of its data set. Where it lies in a run's folder, the run's own split says which
    photos were for the test only. Nothing is told of photos that were copied into another data set.

    Args:
        model: Its file.
        data_set: Fingerprint of the one that it was trained on; empty where not known.
        photos: Those that judge it.
    """
    if not data_set or data_set != photos.whole:
        return False
    split_csv = model.parent / "split.csv"
    with suppress(DatasetError):
        return any(photo.subset != "test" for photo in apply_split(photos.dataset, split_csv).photos)
    return not photos.is_test_part
