"""What inspection photographs really meet, in five severities: the table `CORRUPTIONS`.

As Hendrycks and Dietterich do for pictures of things (*Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations*, ICLR 2019), with what happens to pictures of walls. Severities of one corruption share their draws: the
stains of severity 5 are those of severity 1, grown.
"""

from __future__ import annotations

from crackwise.evaluation.corruptions.geometry import GEOMETRY
from crackwise.evaluation.corruptions.light import LIGHT
from crackwise.evaluation.corruptions.optics import OPTICS
from crackwise.evaluation.corruptions.row import Noise
from crackwise.evaluation.corruptions.sensor import SENSOR
from crackwise.evaluation.corruptions.weather import WEATHER

__all__ = ["CORRUPTIONS", "SEVERITIES"]

SEVERITIES = (1, 2, 3, 4, 5)

CORRUPTIONS: dict[str, Noise] = {**LIGHT, **SENSOR, **OPTICS, **WEATHER, **GEOMETRY}
