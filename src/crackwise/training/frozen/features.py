"""The features of a frozen encoder, kept for every view."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from crackwise.data.feed import CrackDataModule, Views, view_seeds
from crackwise.models import without_start
from crackwise.models.tuning import Shortcut, find_shortcut, frozen_hash
from crackwise.training.frozen.kept import Precision, ViewStore, kept_paths
from crackwise.training.recipe import Recipe

__all__ = ["Features", "plan_features"]

LIBRARIES = ("crackwise", "torch", "torchvision", "transformers", "timm", "segmentation-models-pytorch")
"""Another version may draw another view, or compute other features."""


class Features(NamedTuple):
    """How a run goes from views to features, and from there to logits."""

    store: ViewStore
    shortcut: Shortcut


def plan_features(
    recipe: Recipe,
    out: Path,
    model: nn.Module,
    data: CrackDataModule,
    *,
    device: torch.device,
    precision: Precision = nullcontext,
) -> Features:
    """Where the features of every view of a run will lie; nothing is written yet, the network goes to the device.

    Raises:
        ModelError: the network has no features to keep under this tuning.
        RecipeError: the disk cannot hold them.
    """
    form, config = recipe.trainer.cache, recipe.data
    assert form is not None  # the recipe sees to both
    assert config.views_per_picture is not None
    views = Views(data.parts, config)
    first = (0, int(view_seeds(1, 1, data.seed)))
    with precision():
        shortcut = find_shortcut(model.to(device), views[first].image[None].to(device))
    key = network_hash(recipe, model, shortcut)
    paths = kept_paths(recipe, out, views, "features", key, data.seed)
    sizes = list(zip(shortcut.shapes, shortcut.dtypes, strict=True))
    store = ViewStore("Features", "trainer.cache", shortcut.features, sizes, views, paths, form, device, precision)
    store.refuse_too_many(next(iter(paths.values())).parent)
    return Features(store, shortcut)


def network_hash(recipe: Recipe, model: nn.Module, shortcut: Shortcut) -> str:
    """SHA-256 of everything but the view that decides what features are and how they are kept."""
    facts = [
        frozen_hash(model),
        recipe.model.name,
        without_start(recipe.model.name, recipe.model.options),
        shortcut.names,
        recipe.trainer.precision,
        recipe.trainer.cache,
        [version(library) for library in LIBRARIES],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
