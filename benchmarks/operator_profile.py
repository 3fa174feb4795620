"""Which operators of a network cost what.

LiteRT's Python interface has no profiler. Each operator is therefore cut out as a network of its own, with its own
weights, and timed by the same interpreter with the same kernels. What this leaves out: operators that the interpreter
would fuse with their neighbours, and caches that the neighbour has warmed or filled. The sum over all operators beside
the time of the whole network tells how much that is.
"""

import time
from typing import Any

import numpy as np

from sorter.benchmarks.flatbuffer import Network
from sorter.errors import SorterError
from sorter.interpreter import Interpreter, find_interpreter, load_interpreter

_WARM_UP, _REPEATS = 3, 20


def profile(network: Network, flatbuffer: bytes) -> dict[str, Any]:
    """Times each operator alone, on one thread.

    Returns:
        ``whole_ms`` of the network, ``sum_ms`` of its operators, and ``operators``, each with ``index``, ``name``,
        ``output`` (shape), ``macs`` and ``ms`` (the fastest of 20 calls, since
        whatever else the machine does only adds; 0 where it runs at loading only, None where it cannot run
        alone).
    """
    whole = load_interpreter(flatbuffer)
    rows = []
    for operator in network.operators():
        row = {"index": operator.index, "name": operator.name, "output": list(operator.output), "macs": operator.macs}
        once = network.is_fixed(operator.index)
        rows.append({**row, "ms": 0.0 if once else _time_alone(network.isolate(operator.index))})
    return {"whole_ms": _fastest_ms(whole), "sum_ms": sum(row["ms"] or 0.0 for row in rows), "operators": rows}


def _time_alone(flatbuffer: bytes) -> float | None:
    _, module = find_interpreter()
    try:
        interpreter: Interpreter = module.Interpreter(model_content=flatbuffer, num_threads=1)
        interpreter.allocate_tensors()
        _fill(interpreter)
        return _fastest_ms(interpreter)
    except (ValueError, RuntimeError, SorterError):
        return None


def _fill(interpreter: Interpreter) -> None:
    """Gives every input varied values: kernels may be faster on zeros."""
    rng = np.random.default_rng(1)
    for detail in interpreter.get_input_details():
        values = rng.integers(0, 127, size=tuple(detail["shape"]))
        interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))


def _fastest_ms(interpreter: Interpreter) -> float:
    for _ in range(_WARM_UP):
        interpreter.invoke()
    times_ms = []
    for _ in range(_REPEATS):
        started_s = time.perf_counter()
        interpreter.invoke()
        times_ms.append((time.perf_counter() - started_s) * 1e3)
    return min(times_ms)
