"""The process in which one network is measured: nothing else is in its memory, and when it dies the others go on.

Started as ``python -m sorter.benchmarks.worker`` (by ``workers.Worker``). Each line on standard input is a request in
JSON, each line on standard output its answer; an answer with ``error`` says what went wrong. It ends with its input.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from sorter.benchmarks.picture_file import read_pictures
from sorter.errors import BundleError, ConfigError, SorterError
from sorter.image import InputSpec, Pixels, prepare
from sorter.metrics import Probabilities

SETTLING = 2
"""Calls at the beginning of a block that do not count: another process has had the caches meanwhile."""

WARM_UP_CALLS, WARM_UP_S = 10, 0.5
"""Before the first block: caches fill, memory is mapped, the clock frequency rises."""


class _Network(Protocol):
    """What is measured."""

    labels: tuple[str, ...]
    spec: InputSpec

    def probabilities(self, frame_bgr: Pixels) -> Probabilities:
        """Probabilities of all classes for a uint8 BGR frame of any size."""


class _KerasNetwork:
    """A Keras network as one compiled TensorFlow function, which is the fastest that Keras offers without a GPU."""

    def __init__(self, path: Path, threads: int) -> None:
        from sorter.trainer.backend import load_tensorflow

        try:
            load_tensorflow()
        except ConfigError as error:
            raise ConfigError("A Keras network needs TensorFlow, which is not installed here.", error.hint) from error
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        from sorter.trainer.judge import load_run
        from sorter.trainer.runs import open_run

        judge = load_run(open_run(path))
        self.labels, self.spec, self.manifest, self.network = judge.labels, judge.spec, judge.manifest, judge.network
        self.function = tf.function(
            lambda pixels: self.network(pixels, training=False),
            input_signature=[tf.TensorSpec((1, *self.spec.shape), tf.float32)],
        )

    def probabilities(self, frame_bgr: Pixels) -> Probabilities:
        pixels = prepare(frame_bgr, self.spec)[np.newaxis].astype(np.float32)
        scores: Probabilities = self.function(pixels).numpy()[0]
        return scores

    def macs(self) -> int:
        from sorter.benchmarks.keras_cost import count_macs

        return count_macs(self.function)


class _Measured:
    """The network of this process, and what can be asked of it."""

    def __init__(self) -> None:
        self._network: _Network
        self._flatbuffer = b""
        self._frames: list[Pixels] = []
        self._next = 0

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Loads the network and classifies one frame; what is told of it and of its memory."""
        # Frames are prepared by OpenCV, which takes all cores where it is not told.
        cv2.setNumThreads(request["threads"])
        self._frames = [frame.copy() for frame in read_pictures(request["frames"])[:1]]
        before_mb = resident_mb()
        started_s = time.perf_counter()
        loaders = {"tflite": self._load_tflite, "keras": self._load_keras}
        told = loaders.get(request["kind"], self._load_peer)(request)
        load_ms = (time.perf_counter() - started_s) * 1e3
        first_ms = self._time_one(self._frames[0])
        self._warm_up()
        told |= {"load_ms": load_ms, "first_ms": first_ms, "resident_mb": resident_mb(), "before_mb": before_mb}
        self._frames = read_pictures(request["frames"])
        return told

    def _load_tflite(self, request: dict[str, Any]) -> dict[str, Any]:
        from sorter.bundle import Bundle
        from sorter.classifier import classifier_from_bundle
        from sorter.interpreter import find_interpreter

        started_s = time.perf_counter()
        find_interpreter()
        import_ms = (time.perf_counter() - started_s) * 1e3
        labels = Path(request["labels"]) if request["labels"] else None
        bundle = Bundle.load(Path(request["path"]), labels)
        classifier = classifier_from_bundle(bundle, request["threads"], request["input_range"])
        self._network, self._flatbuffer = classifier, bundle.flatbuffer
        manifest = bundle.manifest
        return {
            "labels": classifier.labels,
            "format": manifest.quantization if manifest else "foreign",
            "threshold": manifest.threshold if manifest else None,
            "trained_on": manifest.data_fingerprint if manifest else "",
            "import_ms": import_ms,
            "input": f"{classifier.spec.width}x{classifier.spec.height}",
        }

    def _load_keras(self, request: dict[str, Any]) -> dict[str, Any]:
        network = self._network = _KerasNetwork(Path(request["path"]), request["threads"])
        return {
            "labels": network.labels,
            "format": "keras",
            "threshold": network.manifest.threshold if network.manifest else None,
            "trained_on": network.manifest.data_fingerprint if network.manifest else "",
            "input": f"{network.spec.width}x{network.spec.height}",
        }

    def _load_peer(self, request: dict[str, Any]) -> dict[str, Any]:
        from sorter.benchmarks.peer_networks import PeerNetwork

        network = self._network = PeerNetwork(request["kind"], Path(request["path"]), request["threads"])
        return {
            "labels": network.labels,
            "format": network.format,
            "threshold": None,
            "trained_on": network.trained_on,
            "input": f"{network.spec.width}x{network.spec.height}",
            "version": network.version,
            "import_ms": network.import_ms,
        }

    def describe(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Parameters, multiply-accumulates and the profile of the operators, as far as they can be told."""
        if isinstance(self._network, _KerasNetwork):
            return {
                "parameters": self._network.network.count_params(), "macs": self._network.macs(), "profile": None,
            }  # fmt: skip
        from sorter.benchmarks.flatbuffer import take_apart
        from sorter.benchmarks.operator_profile import profile

        network = take_apart(self._flatbuffer) if self._flatbuffer else None
        if network is None:
            return {"parameters": None, "macs": None, "profile": None}
        macs = sum(operator.macs for operator in network.operators())
        return {"parameters": network.parameters(), "macs": macs, "profile": profile(network, self._flatbuffer)}

    def classify(self, request: dict[str, Any]) -> dict[str, Any]:
        """Probabilities of pictures."""
        found = [self._network.probabilities(picture).tolist() for picture in read_pictures(request["pictures"])]
        return {"probabilities": found}

    def time_block(self, request: dict[str, Any]) -> dict[str, Any]:
        """Times some classifications, one after the other."""
        for _ in range(SETTLING):
            self._network.probabilities(self._frame())
        cpu_s, waited_s = time.process_time(), waited_for_core_s()
        started_s = time.perf_counter()
        times_ms = [self._time_one(self._frame()) for _ in range(request["count"])]
        wall_s = time.perf_counter() - started_s
        cpu_s = time.process_time() - cpu_s
        waited_s = None if waited_s is None else (waited_for_core_s() or 0.0) - waited_s
        frame = self._frame()
        prepare_s = time.perf_counter()
        prepare(frame, self._network.spec)
        prepare_ms = (time.perf_counter() - prepare_s) * 1e3
        return {"times_ms": times_ms, "wall_s": wall_s, "cpu_s": cpu_s, "waited_s": waited_s, "prepare_ms": prepare_ms}

    def sustain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Classifies without a pause; how many were done in each fifth of the time."""
        counts = [0] * 5
        started_s = time.perf_counter()
        while (past_s := time.perf_counter() - started_s) < request["seconds"]:
            self._network.probabilities(self._frame())
            counts[min(4, int(5 * past_s / request["seconds"]))] += 1
        return {"fps": [5 * count / request["seconds"] for count in counts]}

    def cpu(self, _request: dict[str, Any]) -> dict[str, Any]:
        """CPU time of this process so far, in seconds, and its number."""
        return {"cpu_s": time.process_time(), "pid": os.getpid()}

    def _frame(self) -> Pixels:
        self._next = (self._next + 1) % len(self._frames)
        return self._frames[self._next]

    def _time_one(self, frame: Pixels) -> float:
        started_s = time.perf_counter()
        self._network.probabilities(frame)
        return (time.perf_counter() - started_s) * 1e3

    def _warm_up(self) -> None:
        started_s, calls = time.perf_counter(), 0
        while calls < WARM_UP_CALLS or time.perf_counter() - started_s < WARM_UP_S:
            self._network.probabilities(self._frames[0])
            calls += 1


def resident_mb() -> float | None:
    """Memory of this process in megabytes; None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS")), None)


def waited_for_core_s() -> float | None:
    """How long this thread was ready to run and had no core (schedstat's second figure); None where not told."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return None


def _answer(work: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]) -> dict[str, Any]:
    try:
        return work(request)
    except SorterError as error:
        return {"error": error.message, "hint": error.hint}
    except MemoryError:
        return {"error": "The machine has not enough memory for it.", "hint": ""}
    except Exception as error:
        # Whatever a foreign file makes a library raise belongs into its row of the report.
        wrapped = BundleError(f"It cannot be run ({type(error).__name__}: {' '.join(str(error).split())[:160]}).")
        return {"error": wrapped.message, "hint": ""}


def main() -> None:
    """Answers requests until the input ends."""
    # Libraries print to standard output too; what they say must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    measured = _Measured()
    for line in sys.stdin:
        request = json.loads(line)
        answer = _answer(getattr(measured, request.pop("do")), request)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
