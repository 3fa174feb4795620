"""What a conversion is asked to do. Imports nothing heavy."""

from dataclasses import asdict, dataclass
from typing import Any

from sorter.converters.formats import CALIBRATED, Format, InputOutput, Target
from sorter.errors import ConfigError

DEFAULT_MAX_DROP = 0.01
"""Accuracy that a conversion may lose unless the user says otherwise."""


@dataclass(frozen=True)
class ConversionOptions:
    """One file to be made of one network. Travels to the worker as it is, so its fields are plain values.

    Attributes:
        format: Of weights and activations.
        io: What the int8 format takes and gives; the others always take and give float32.
        target: The runtime that the file is for.
        equalize: Whether badly scaled channels are equalised before calibration.
        equalize_widely: Whether channels that are off by powers of ten are brought to full range, too.
        percentile: Share of the values in percent that activation ranges hold; None for all.
        float_tensors: Outputs of the operators that stay in floating point, by their names in the flatbuffer.
    """

    format: Format = "int8"
    io: InputOutput = "uint8"
    target: Target = "litert"
    equalize: bool = True
    equalize_widely: bool = False
    percentile: float | None = None
    float_tensors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.target in ("edgetpu", "microcontroller") and self.format != "int8":
            raise ConfigError(
                f"Target {self.target} runs full integer networks only, not {self.format}.",
                "Leave the format out, or give --int8.",
            )
        if self.target in ("edgetpu", "microcontroller") and self.io == "float32":
            raise ConfigError(
                f"Target {self.target} takes and gives integers only.", "Give --io uint8 or --io int8, or leave it out."
            )
        if self.target == "onnx" and self.format != "float32":
            raise ConfigError(f"Target onnx is made from float32, not from {self.format}.", "Give --float32.")

    @property
    def needs_calibration(self) -> bool:
        """Whether activation ranges come from representative pictures."""
        return self.format in CALIBRATED

    @property
    def in_two_steps(self) -> bool:
        """Whether ranges or layers differ from what the converter does by itself."""
        return self.percentile is not None or bool(self.float_tensors)

    def to_request(self) -> dict[str, Any]:
        """As the worker gets it."""
        return asdict(self)

    @classmethod
    def from_request(cls, content: dict[str, Any]) -> "ConversionOptions":
        """The reverse of ``to_request``."""
        return cls(**{**content, "float_tensors": tuple(content.get("float_tensors", ()))})


@dataclass(frozen=True)
class CalibrationOptions:
    """How the pictures to calibrate on are chosen.

    Attributes:
        samples: How many; None stops where the ranges no longer change.
        seed: Of the draw.
    """

    samples: int | None = None
    seed: int = 1
