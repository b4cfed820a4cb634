"""Photographs to files: masks, overlays, results, a table and a page."""

from __future__ import annotations

from crackwise.batch.job import Settings
from crackwise.batch.places import PARTS, Job, find_photos, name_outputs
from crackwise.batch.run import inspect_batch, read_results

__all__ = ["PARTS", "Job", "Settings", "find_photos", "inspect_batch", "name_outputs", "read_results"]
