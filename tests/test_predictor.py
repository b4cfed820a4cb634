"""A card survives the journey through a file, and says no to what it does not know."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from crackwise.predictor import DataTerms, ModelCard

CARD = ModelCard(
    name="small",
    version="1.2",
    classes=("crack", "drywall joint"),
    threshold=0.4,
    data=(DataTerms(name="deepcrack:train", terms="none stated"), DataTerms(name="cfd", terms="research", role="test")),
    scores={"deepcrack:test": {"iou": 0.7, "interval": [0.6, 0.8]}},
    limits=("Not for X-rays.",),
)


def test_a_card_comes_back_from_json_as_it_was() -> None:
    assert ModelCard.model_validate_json(CARD.model_dump_json()) == CARD


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        CARD.threshold = 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"thresold": 0.5}, {"threshold": 0}, {"threshold": 1.0}, {"tile_px": 0}, {"overlap_px": -1}, {"classes": ()}],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelCard.model_validate({"name": "small", "version": "1"} | wrong)
