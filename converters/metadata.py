"""TFLite Metadata inside the flatbuffer, so that other programs know what the network takes and gives.

MediaPipe Tasks, ML Kit, Android Studio and Netron read it. The tables follow ``metadata_schema.fbs`` of TensorFlow
Lite (https://ai.google.dev/edge/litert/models/metadata); numbers below are the positions of its fields. They are
written with the flatbuffers library directly, because the package that used to do it, tflite-support, is no longer
built for current versions of Python.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flatbuffers

from sorter.converters.packing import SCORE_CALIBRATION_NAME
from sorter.flatbuffer import load_schema, pack_model, unpack_model
from sorter.image import InputSpec
from sorter.manifest import LABELS_NAME

METADATA_NAME = "TFLITE_METADATA"
"""Name of the buffer, fixed by the format."""

_FILE_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"
_COLOR_SPACE_RGB = 1
_CONTENT_FEATURE, _CONTENT_IMAGE = 1, 2
_PROCESS_NORMALIZATION, _PROCESS_SCORE_CALIBRATION = 1, 2
_SCORES_INVERSE_LOGISTIC = 2
_FILE_TENSOR_AXIS_LABELS, _FILE_TENSOR_AXIS_SCORE_CALIBRATION = 2, 4


def build_metadata(name: str, description: str, spec: InputSpec, classes: int) -> bytes:
    """Describes an image classifier that takes raw RGB bytes (0..255) and gives a probability for each label.

    Args:
        name: Name of the network.
        description: One sentence for people.
        spec: Size of the input.
        classes: Number of labels in ``labels.txt``.

    Returns:
        A finished ``ModelMetadata`` flatbuffer.
    """
    b = flatbuffers.Builder(1024)
    picture = _input_tensor(b, spec)
    scores = _output_tensor(b, classes)
    subgraph = _table(b, 9, {2: _offset(_vector(b, [picture])), 3: _offset(_vector(b, [scores]))})
    fields = {
        0: _offset(b.CreateString(name)),
        1: _offset(b.CreateString(description)),
        3: _offset(_vector(b, [subgraph])),
        7: _offset(b.CreateString(_MIN_PARSER_VERSION)),
    }
    b.Finish(_table(b, 8, fields), file_identifier=_FILE_IDENTIFIER)
    return bytes(b.Output())


def _input_tensor(b: Any, spec: InputSpec) -> int:
    size = _table(b, 2, {0: _number("Uint32", spec.width), 1: _number("Uint32", spec.height)})
    image = _table(b, 2, {0: _number("Int8", _COLOR_SPACE_RGB), 1: _offset(size)})
    content = _table(b, 2, {0: _number("Uint8", _CONTENT_IMAGE), 1: _offset(image)})
    # The network scales inside, so what readers must do to a byte is nothing: (x - 0) / 1.
    no_scaling = _table(b, 2, {0: _offset(_floats(b, [0.0])), 1: _offset(_floats(b, [1.0]))})
    unit = _table(b, 2, {0: _number("Uint8", _PROCESS_NORMALIZATION), 1: _offset(no_scaling)})
    stats = _table(b, 2, {0: _offset(_floats(b, [255.0])), 1: _offset(_floats(b, [0.0]))})
    fields = {
        0: _offset(b.CreateString("image")),
        1: _offset(b.CreateString(f"RGB picture, raw bytes 0..255; other shapes are made to fit by: {spec.fit}.")),
        3: _offset(content),
        4: _offset(_vector(b, [unit])),
        5: _offset(stats),
    }
    return _table(b, 7, fields)


def _output_tensor(b: Any, classes: int) -> int:
    feature = _table(b, 0, {})
    content = _table(b, 2, {0: _number("Uint8", _CONTENT_FEATURE), 1: _offset(feature)})
    stats = _table(b, 2, {0: _offset(_floats(b, [1.0])), 1: _offset(_floats(b, [0.0]))})
    labels = _table(
        b,
        5,
        {
            0: _offset(b.CreateString(LABELS_NAME)),
            1: _offset(b.CreateString(f"Names of the {classes} classes, one a line.")),
            2: _number("Int8", _FILE_TENSOR_AXIS_LABELS),
        },
    )
    sigmoids = _table(
        b,
        5,
        {
            0: _offset(b.CreateString(SCORE_CALIBRATION_NAME)),
            1: _offset(b.CreateString("Scale, slope and offset of a sigmoid for each class, one a line.")),
            2: _number("Int8", _FILE_TENSOR_AXIS_SCORE_CALIBRATION),
        },
    )
    calibration = _table(b, 2, {0: _number("Int8", _SCORES_INVERSE_LOGISTIC)})
    unit = _table(b, 2, {0: _number("Uint8", _PROCESS_SCORE_CALIBRATION), 1: _offset(calibration)})
    fields = {
        0: _offset(b.CreateString("probability")),
        1: _offset(b.CreateString("Calibrated probability of each class.")),
        3: _offset(content),
        4: _offset(_vector(b, [unit])),
        5: _offset(stats),
        6: _offset(_vector(b, [labels, sigmoids])),
    }
    return _table(b, 7, fields)


_Slot = Callable[[Any, int], None]


def _offset(value: int) -> _Slot:
    return lambda b, position: b.PrependUOffsetTRelativeSlot(position, value, 0)


def _number(kind: str, value: int) -> _Slot:
    return lambda b, position: getattr(b, f"Prepend{kind}Slot")(position, value, 0)


def _table(b: Any, size: int, fields: dict[int, _Slot]) -> int:
    b.StartObject(size)
    for position, put in fields.items():
        put(b, position)
    return int(b.EndObject())


def _vector(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: Any, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())


def attach_metadata(flatbuffer: bytes, metadata: bytes) -> bytes:
    """Puts a metadata buffer into a ``.tflite``, in place of one that is there already."""
    schema, model = load_schema(), unpack_model(flatbuffer)
    kept = [entry for entry in model.metadata or [] if entry.name != METADATA_NAME.encode()]
    buffer = schema.BufferT()
    buffer.data = list(metadata)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*kept, entry]
    return pack_model(model)
