"""What the lab hands to the field: a picture in, probability maps out, and a card that says what they are worth."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from crackwise.strict import Strict

__all__ = ["Calibration", "DataTerms", "ModelCard", "Parity", "Predictor", "Review"]

Probability = Annotated[float, Field(gt=0, lt=1)]


class DataTerms(Strict):
    """One data set a model has met, and the terms it came under."""

    name: str
    """With its part: ``"deepcrack:train"``."""
    terms: str
    """The licence, or what the authors state."""
    role: Literal["train", "val", "test"] = "train"


class Calibration(Strict):
    """How the temperature of a card was fitted; errors are those on photographs that the fit did not see."""

    sets: tuple[str, ...]
    pictures: PositiveInt
    photographs: PositiveInt
    error_before: float
    """Calibration error of all labelled pixels (ECE) of the model as it came."""
    error_after: float
    near_error_before: float
    """The same over the pixels near a true or predicted crack."""
    near_error_after: float
    method: str
    """How they were judged."""


class Review(Strict):
    """Below which confidence a person should look at a photograph."""

    confidence: str
    """How it is told: a row of `CONFIDENCES`."""
    below: Annotated[float, Field(ge=0, le=1)]
    rule: str
    """How the level was chosen."""
    sets: tuple[str, ...]
    pictures: PositiveInt


class Parity(Strict):
    """How an exported file compares with the model it was made from, on photographs that both were shown.

    Pairs of numbers are of that model and of the file.
    """

    reference: str
    """The runtime and the precision of that model: ``"torch f32"``."""
    runtime: str
    precision: str
    """What the file was computed in as it was compared."""
    photographs: str
    """Which they were: ``"20 drawn"``."""
    pictures: PositiveInt
    largest_difference: float
    """Of any probability."""
    mask_agreement: float
    """Share of all pixels on the same side of the threshold."""
    clear_agreement: float
    """The same over the pixels whose probability is not within 1e-4 of the threshold."""
    cracks: tuple[int, int]
    """On photographs of which no more than a quarter is found to be crack."""
    found_again: float
    """Share of the length of that model's cracks along which the file finds one too, within 3 px."""
    median_width_px: tuple[float, float] | None
    """Of all widths measured there; None where there is no such place."""
    width_changes: tuple[float, float] | None
    """Half of these widths change by no more than the first share, 95 % of them by no more than the second."""
    f1: tuple[float, float] | None = None
    """Over all labelled pixels together; None where none of them is crack."""


class ModelCard(Strict):
    """Everything about a model that its user should know; travels inside the model file as JSON."""

    name: str
    version: str
    classes: tuple[str, ...] = Field(default=("crack",), min_length=1)
    """One probability map each, in this order."""
    prompts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Class to the phrases it is asked for by; empty where the network does not read."""
    threshold: Probability = 0.5
    """A pixel is crack from this probability on; one for all classes."""
    threshold_source: str = ""
    """How the threshold was chosen."""
    temperature: Annotated[float, Field(ge=0.2, le=20)] = 1.0
    """What the network's logits are divided by before they become probabilities; the threshold is one of these."""
    calibration: Calibration | None = None
    """Where the temperature comes from."""
    review: Review | None = None
    """Which photographs need a person's eyes; None: nobody has chosen."""
    tile_px: PositiveInt = 1024
    """Side of the tiles that larger photographs are cut into."""
    overlap_px: Annotated[int, Field(ge=0)] = 64
    """How far neighbouring tiles reach into each other."""
    fixed_px: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width of the only pictures that this file's graph takes: tiles are of that size; None: any."""
    licence: str = "Apache-2.0"
    summary: str = ""
    model: str = ""
    """Its row in ``crackwise list models``."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Of that row, where they differ from the defaults."""
    input_px: PositiveInt | None = None
    """Side of the pictures it learnt from."""
    parameters: PositiveInt | None = None
    """In the network as deployed."""
    data: tuple[DataTerms, ...] = ()
    kept_apart: tuple[str, ...] = ()
    """Test sets whose photographs were left out of training and validation."""
    started_from: str | None = None
    """Name and folder of the run whose weights it started from, or the published weights; None: random ones."""
    taught_by: str | None = None
    """Name and place of the teacher it was distilled from."""
    scores: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Data set to its scores: ``{"deepcrack:test": {"iou": 0.71, ...}}``."""
    parity: tuple[Parity, ...] = ()
    """One for each step from the trained network to this file."""
    limits: tuple[str, ...] = ()
    """What it is not good for, one sentence each."""
    leakage: str | None = None
    """Set where training and evaluation share photographs: which, and that it was allowed."""
    recipe_sha256: str | None = None
    """Of the resolved recipe."""
    seed: int | None = None
    trained_on: str | None = None
    """Processor, library and precision."""
    paper: str | None = None


class Predictor(Protocol):
    """A model of any runtime: uint8 RGB (h, w, 3) to float32 probabilities (k, h, w), k the card's classes."""

    @property
    def card(self) -> ModelCard:
        """What the model is."""

    @property
    def sha256(self) -> str:
        """Of the model file."""

    @property
    def runtime(self) -> str:
        """``"onnxruntime"``, ``"openvino"`` or ``"torch"``."""

    @property
    def precision(self) -> str:
        """``"f32"``, ``"bf16"``, ``"int8"``...: what the arithmetic is done in."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """Probabilities of one picture of any size."""
