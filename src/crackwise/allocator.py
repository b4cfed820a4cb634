"""Freed memory kept for the next step, or the next photograph.

Both allocate and free the same tens of megabytes for every map. By default the C library gives such blocks back to the
system at once, and the system hands out zeroed pages again: on a CPU that can be a fifth of a training step
(`benchmarks/training_step.py`), and a tenth of a 12-megapixel photograph (`benchmarks/pipeline.py`).
"""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # glibc's malloc.h


def keep_freed_memory(*, shared: bool = False) -> bool:
    """Tell glibc to reuse freed blocks of any size instead of returning them; False where there is no glibc.

    ``shared``: what one thread freed another takes, too; of no effect on threads that have memory of their own already.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    settings = [(M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), *([(M_ARENA_MAX, 1)] if shared else [])]
    return all(mallopt(*setting) for setting in settings)
