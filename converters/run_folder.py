"""What ``sorter-train`` left behind, as far as conversion needs it."""

from dataclasses import dataclass
from pathlib import Path

from sorter.errors import ConversionError
from sorter.manifest import MANIFEST_NAME, Manifest

KERAS_NAME = "model.keras"
SPLIT_NAME = "split.csv"


@dataclass(frozen=True)
class RunFolder:
    """A finished training run.

    Attributes:
        path: The folder.
        network: Its ``model.keras``.
        manifest: Its ``sorter.json``.
        split_csv: Its ``split.csv``; None when the run has none.
    """

    path: Path
    network: Path
    manifest: Manifest
    split_csv: Path | None

    @classmethod
    def load(cls, path: Path) -> "RunFolder":
        """Reads a run folder, named by itself or by the ``model.keras`` in it.

        Raises:
            ConversionError: It is not a finished run.
            BundleError: Its ``sorter.json`` is damaged.
        """
        folder = path.parent if path.suffix == ".keras" else path
        network = path if path.suffix == ".keras" else folder / KERAS_NAME
        for needed in (network, folder / MANIFEST_NAME):
            if not needed.is_file():
                raise ConversionError(
                    f"{folder} is not a finished training run: {needed.name} is missing.",
                    "Give the folder that sorter-train wrote with --out.",
                )
        manifest = Manifest.from_json((folder / MANIFEST_NAME).read_bytes(), str(folder / MANIFEST_NAME))
        split_csv = folder / SPLIT_NAME
        return cls(folder, network, manifest, split_csv if split_csv.is_file() else None)
