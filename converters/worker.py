"""The TensorFlow work, in a process of its own: TensorFlow's converter can abort the whole interpreter.

Started by ``worker_process`` as ``python -m sorter.converters.worker FOLDER``. Requests come as JSON, one a line, on
standard input, and each is answered by one line on what was standard output: ``{"result": ...}`` or ``{"error": ...}``.
Arrays and networks travel as files in FOLDER. The process stays for the next request, so that TensorFlow is loaded and
the network read once; when the asking program is gone, it removes FOLDER and ends.
"""

import importlib
import json
import os
import queue
import shutil
import sys
import threading
from typing import Any, TextIO

from sorter.errors import SorterError

ACTIONS = {
    "describe": "sorter.converters.networks:describe",
    "predict": "sorter.converters.networks:predict",
    "inspect": "sorter.converters.inspection:inspect",
    "settle": "sorter.converters.settling:settle",
    "convert": "sorter.converters.flatbuffers:convert",
    "record": "sorter.converters.two_steps:record",
    "run": "sorter.converters.gate:run_once",
}
"""What can be asked for: the function that does it, which takes the request and returns what JSON can hold."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Carries out one request; whatever goes wrong becomes part of the answer."""
    try:
        module, name = ACTIONS[request["action"]].split(":")
        return {"result": getattr(importlib.import_module(module), name)(request)}
    except SorterError as error:
        return {"error": {"message": error.message, "hint": error.hint}}
    except Exception as error:
        # TensorFlow and Keras raise whatever they like.
        return {"error": {"reason": f"{type(error).__name__}: {' '.join(str(error).split())}"}}


def _read_requests(requests: "queue.Queue[str]", folder: str) -> None:
    for line in sys.stdin:
        requests.put(line)
    # The asking program is gone, or wants no more; nobody waits for what may be going on.
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _take_standard_output() -> TextIO:
    """Keeps standard output for answers; what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def main() -> None:
    """Answers requests until standard input ends."""
    answers = _take_standard_output()
    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests, sys.argv[1]), daemon=True).start()
    while True:
        answers.write(json.dumps(answer(json.loads(requests.get()))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
