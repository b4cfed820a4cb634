"""Where something was timed, and how busy it was there."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["describe_machine", "load_average"]

LIBRARIES = ("onnxruntime", "openvino", "torch", "numpy")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, system, and the versions of what is installed, ready for JSON."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := version_of(name))},
    }


def processor() -> str:
    """What the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def version_of(library: str) -> str | None:
    """Of an installed package."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def load_average() -> float:
    """How many processes wanted a core over the last minute, this one counted."""
    return round(os.getloadavg()[0], 2)
