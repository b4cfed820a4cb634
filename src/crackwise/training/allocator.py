"""Freed memory kept for the next step.

A step allocates and frees the same tens of megabytes for every map. By default the C library gives such blocks back to
the system at once, and the system hands out zeroed pages again: on a CPU that can be a fifth of a step
(`benchmarks/training_step.py`).
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc to reuse freed blocks of any size instead of returning them; False where there is no glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
