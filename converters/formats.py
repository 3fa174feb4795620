"""The number formats, inputs and runtimes that a network can be converted for. Imports nothing heavy."""

from typing import Literal

Format = Literal["int8", "int16x8", "dynamic", "float16", "float32"]

FORMATS: dict[Format, str] = {
    "int8": "Full integer, bytes in and out; smallest and fastest on a device [the default].",
    "int16x8": "Weights 8 bit, activations 16 bit; slower.",
    "dynamic": "Weights 8 bit, activations float.",
    "float16": "Weights 16 bit float.",
    "float32": "As trained.",
}
"""Each format, and what to tell the user about it."""

CALIBRATED: frozenset[Format] = frozenset({"int8", "int16x8"})
"""Formats whose activation ranges come from representative pictures."""

InputOutput = Literal["uint8", "int8", "float32"]

Target = Literal["litert", "tflite-runtime", "edgetpu", "microcontroller", "onnx"]

TARGETS: dict[Target, str] = {
    "litert": "LiteRT, the device's own runtime",
    "tflite-runtime": "tflite-runtime 2.14, for 32-bit ARM",
    "edgetpu": "Google Coral's Edge TPU",
    "microcontroller": "TensorFlow Lite for Microcontrollers, as C source",
    "onnx": "ONNX runtimes",
}
"""Each runtime, and what to tell the user about it."""
