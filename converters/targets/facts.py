"""What a flatbuffer is made of, as far as targets care."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

_BYTES = {"float64": 8, "int64": 8, "float32": 4, "int32": 4, "uint32": 4, "float16": 2, "int16": 2}


@dataclass(frozen=True)
class Operator:
    """One step of the network.

    Attributes:
        name: As the TFLite schema has it, for example CONV_2D.
        version: Of its semantics, which runtimes must know.
        inputs: Numbers of tensors; -1 for an optional one that is not there.
        outputs: Numbers of tensors.
    """

    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """One array of the network.

    Attributes:
        shape: Of one picture.
        type: For example int8.
        constant: Whether its content is in the file.
        fixed: Whether its shape is known before it runs.
    """

    shape: tuple[int, ...]
    type: str
    constant: bool
    fixed: bool

    @property
    def size(self) -> int:
        """In bytes."""
        return prod(self.shape) * _BYTES.get(self.type, 1)


@dataclass(frozen=True)
class Facts:
    """A network's operators in their order, and its tensors."""

    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @classmethod
    def from_reply(cls, reply: Mapping[str, Any]) -> "Facts":
        """Of what the worker's ``inspect`` answers."""
        operators = tuple(
            Operator(o["name"], o["version"], tuple(o["inputs"]), tuple(o["outputs"])) for o in reply["operators"]
        )
        tensors = tuple(Tensor(tuple(t["shape"]), t["type"], t["constant"], t["fixed"]) for t in reply["tensors"])
        return cls(operators, tensors, tuple(reply["inputs"]), tuple(reply["outputs"]))

    def count(self) -> dict[str, int]:
        """How often each operator occurs, by name."""
        return dict(sorted(Counter(operator.name for operator in self.operators).items()))

    def computed_types(self) -> frozenset[str]:
        """Types of the tensors that operators compute."""
        return frozenset(self.tensors[i].type for operator in self.operators for i in operator.outputs)
