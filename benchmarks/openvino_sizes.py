"""What OpenVINO keeps in memory as pictures of ever new sizes are predicted.

    python benchmarks/openvino_sizes.py MODEL.xml [--kept 200] [--pictures 120]

Pictures of 200 to 400 px a side, drawn by seed 0, on one thread. ``--kept`` says how many compiled steps are kept for
sizes met before: 200 is what crackwise asks for, 5000 OpenVINO's own choice. Prints the memory of the process (VmRSS)
and the processor time so far.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import numpy as np

from crackwise.backends import load_predictor, openvino


def rss_mib() -> int:
    """What the process takes of the machine's memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


def main() -> None:
    """Predict and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--kept", type=int, default=openvino.CACHED_PRIMITIVES)
    parser.add_argument("--pictures", type=int, default=120)
    arguments = parser.parse_args()
    openvino.CACHED_PRIMITIVES = arguments.kept
    predictor, rng, start = load_predictor(arguments.model, threads=1), np.random.default_rng(0), time.process_time()
    for number in range(arguments.pictures + 1):
        predictor(np.zeros((*rng.integers(200, 400, 2), 3), np.uint8))
        if number % 20 == 0:
            print(f"{number:4d} pictures  {rss_mib():5d} MiB  {time.process_time() - start:6.1f} s")


if __name__ == "__main__":
    main()
