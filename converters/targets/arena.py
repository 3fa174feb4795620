"""The memory for activations that TensorFlow Lite for Microcontrollers needs: its arena, estimated.

Tensors that are alive at the same time must not overlap. TFLM's planner (``greedy_memory_planner.cc``) places the
largest first, each at the lowest place that is free during its life; this does the same.
"""

from dataclasses import dataclass

from sorter.converters.targets.facts import Facts

_ALIGNMENT = 16
"""TFLM aligns every buffer to 16 bytes (``MicroArenaBufferAlignment``)."""

_PER_TENSOR, _PER_OPERATOR, _PER_CHANNEL, _FIXED = 16, 64, 8, 1200
"""Bytes of bookkeeping on a 32-bit processor: a TfLiteEvalTensor, a node with its registration and parameters, the
multiplier and shift of an output channel, and the interpreter's own: an estimate, not measured on a board."""

_CHANNELWISE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclass(frozen=True)
class _Life:
    size: int
    first: int
    last: int


def estimate_arena(facts: Facts) -> dict[str, int]:
    """Bytes of ``activations`` and of ``bookkeeping``, and their sum ``total``."""
    activations = _place([life for life in _lives(facts) if life.size])
    channels = sum(
        facts.tensors[operator.outputs[0]].shape[-1] for operator in facts.operators if operator.name in _CHANNELWISE
    )
    bookkeeping = (
        _FIXED + _PER_TENSOR * len(facts.tensors) + _PER_OPERATOR * len(facts.operators) + _PER_CHANNEL * channels
    )
    return {"activations": activations, "bookkeeping": bookkeeping, "total": activations + bookkeeping}


def _lives(facts: Facts) -> list[_Life]:
    """From the operator that makes a tensor to the last that reads it."""
    last_step = len(facts.operators)
    first = {number: 0 for number in facts.inputs}
    last = dict(first)
    for step, operator in enumerate(facts.operators):
        for number in operator.outputs:
            first[number] = last[number] = step
        for number in operator.inputs:
            if number in first:
                last[number] = step
    last |= {number: last_step for number in facts.outputs if number in first}
    return [_Life(_aligned(facts.tensors[n].size), first[n], last[n]) for n in first if not facts.tensors[n].constant]


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _place(lives: list[_Life]) -> int:
    placed: list[tuple[int, _Life]] = []
    for life in sorted(lives, key=lambda life: -life.size):
        start = 0
        for offset, other in sorted(placed, key=lambda pair: pair[0]):
            together = life.first <= other.last and other.first <= life.last
            if together and start + life.size > offset and offset + other.size > start:
                start = offset + other.size
        placed.append((start, life))
    return max((offset + life.size for offset, life in placed), default=0)
