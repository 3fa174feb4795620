"""What the figures were measured on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sorter.interpreter import find_interpreter

_PACKAGES = {"litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load and versions, as far as the machine tells."""
    name, _ = find_interpreter()
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "interpreter": f"{name} {package_version(_PACKAGES[name])}",
        "numpy": package_version("numpy"),
        "opencv": package_version("opencv-python-headless"),
    }


def resident_mb(pid: int) -> float:
    """Resident memory of a process in megabytes (MiB); 0 where it has ended or the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def _processor() -> str:
    for file, key in ((Path("/proc/device-tree/model"), ""), (Path("/proc/cpuinfo"), "model name")):
        try:
            text = file.read_text(errors="replace").strip("\0\n ")
        except OSError:
            continue
        if not key:
            return text
        for line in text.splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def package_version(package: str) -> str:
    """Version of an installed package; ``unknown`` where it is not known under that name."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
