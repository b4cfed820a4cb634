"""What a service permits."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

__all__ = ["MIB", "Settings"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """How many photographs, how large, for how long, and for whom."""

    workers: int = os.cpu_count() or 1
    """Photographs worked on at once; each takes a core."""
    queue: int = 16
    """Requests that may wait for their turn; further ones are sent away."""
    per_caller: int | None = None
    """Requests of one address at a time; further ones are sent away. None: as many as there are places."""
    max_megapixels: float = 50.0
    max_body_mib: float = 32.0
    """Of one request."""
    max_photos: int = 32
    """In one request."""
    timeout_s: float = 30.0
    """For a request to arrive, for its turn to come, and for its answer to be fetched, each."""
    token: str | None = field(default=None, repr=False)
    """What a caller must know; None: anyone may ask."""

    @property
    def max_body_bytes(self) -> int:
        """Of one request."""
        return int(self.max_body_mib * MIB)

    @property
    def max_held_bytes(self) -> int:
        """Of all requests that are in memory at the same time."""
        return 8 * self.max_body_bytes
