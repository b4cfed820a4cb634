"""What a finished run says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from torch import nn

from crackwise.data.catalog import DATASETS
from crackwise.data.feed import CrackDataModule
from crackwise.data.folder import parse_reference
from crackwise.errors import ModelError
from crackwise.models import MODELS, count_parameters, start_of, without_start
from crackwise.models.blocks import FixedSize
from crackwise.predictor import DataTerms, ModelCard
from crackwise.training.recipe import Recipe
from crackwise.training.whole import Tiling

__all__ = ["Forebears", "card_of_start", "make_card", "read_card", "tiling_of"]


class Forebears(NamedTuple):
    """The cards of the models that a run learns from: what those met, it has met."""

    start: ModelCard | None
    """Of the run whose weights it starts from."""
    teacher: ModelCard | None

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """Those there are."""
        return tuple(card for card in self if card is not None)


def make_card(
    recipe: Recipe,
    data: CrackDataModule,
    model: nn.Module,
    *,
    forebears: Forebears,
    threshold: float,
    validation: Mapping[str, Mapping[str, float]],
    device: str,
) -> ModelCard:
    """The card of a run: what it learnt from, under which terms, what it scored on validation, at which threshold."""
    start, teacher = forebears
    sets = [DataTerms(name=part.config.ref, terms=terms_of(part.config.ref), role="train") for part in data.parts]
    sets += [DataTerms(name=reference, terms=terms_of(reference), role="val") for reference in recipe.data.val]
    sets += [terms for card in forebears.cards for terms in card.data if terms.role != "test"]
    leakage = " ".join(filter(None, (leakage_of(recipe, data), *(card.leakage for card in forebears.cards)))) or None
    kept_apart = (held for held in recipe.data.held_out if all(held in card.kept_apart for card in forebears.cards))
    return ModelCard(
        name=recipe.name,
        version=version("crackwise"),
        classes=recipe.data.classes,
        threshold=round(threshold, 4),
        threshold_source=f"nearest to .5 within a point of the highest mean {recipe.trainer.score} over "
        f"{', '.join(recipe.data.val)}; one for all sets",
        licence=recipe.licence,
        summary=recipe.summary,
        model=recipe.model.name,
        options=without_start(recipe.model.name, recipe.model.options),
        input_px=recipe.data.augment.crop_px,
        **tiling_of(data, model)._asdict(),
        parameters=count_parameters(model).deployed,
        data=tuple(dict.fromkeys(sets)),
        kept_apart=() if leakage else tuple(kept_apart),
        started_from=f"{start.name}, {recipe.model.weights}"
        if start
        else start_of(recipe.model.name, recipe.model.options),
        taught_by=f"{teacher.name}, {recipe.loss.distill.teacher}" if teacher and recipe.loss.distill else None,
        scores={ref: {"protocol": "validation, pooled pixels", **scores} for ref, scores in validation.items()},
        limits=recipe.limits,
        leakage=leakage,
        recipe_sha256=hashlib.sha256(recipe.to_yaml().encode()).hexdigest(),
        seed=recipe.seed,
        trained_on=f"{device}, torch {version('torch')}, {recipe.trainer.precision}",
        paper=MODELS[recipe.model.name].paper,
    )


def tiling_of(data: CrackDataModule, model: nn.Module) -> Tiling:
    """The tiles that a photograph is cut into, while the run validates and ever after.

    A network of one size resamples what it is given: a tile is as many pixels of a photograph as it learnt from at a
    time, so that cracks keep the width they had. Any other takes the usual tile.
    """
    usual = Tiling(*(ModelCard.model_fields[name].default for name in Tiling._fields))
    one_size = any(isinstance(module, FixedSize) for module in model.modules())
    return usual._replace(tile_px=data.view_px) if one_size else usual


def card_of_start(recipe: Recipe) -> ModelCard | None:
    """The card of the run whose weights this one starts from.

    Raises:
        ModelError: that folder holds no finished run.
    """
    return None if recipe.model.weights is None else read_card(Path(recipe.model.weights))


def read_card(folder: Path) -> ModelCard:
    """The card of a run folder.

    Raises:
        ModelError: it holds none, or one that nobody can read.
    """
    try:
        return ModelCard.model_validate_json((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{str(folder)!r} holds no usable card.json: {error}. Train the recipe to its end first."
        ) from error


def terms_of(reference: str) -> str:
    """The licence of a catalogued set; of a folder nothing is known."""
    row = DATASETS.get(parse_reference(reference).source)
    return row.licence if row else "not stated"


def leakage_of(recipe: Recipe, data: CrackDataModule) -> str | None:
    """A sentence where training pictures share a photograph with validation or test and stayed in."""
    if not data.leaks or recipe.data.leakage == "drop":
        return None
    return (
        f"{len(data.leaks)} pictures of training or validation show a photograph of a part they must not know (for "
        f"example {data.leaks[0]}); allowed by the recipe, so scores there are too good."
    )
