"""A run folder to a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from crackwise.errors import ModelError
from crackwise.models import build_model, start_of, without_start
from crackwise.models.tuning import apply_tunings, frozen_hash, left_when_merged, trained_state
from crackwise.predictor import ModelCard
from crackwise.training.card import read_card
from crackwise.training.recipe import Recipe, load_recipe

__all__ = ["BASE_KEY", "SPELLING", "load_run", "network_of", "spelled_by"]

BASE_KEY = "base_sha256"
"""Where in the weights of a tuned run the hash of the frozen ones is."""
SPELLING = "spelling"
"""Where in a run folder is what spells phrases, of a network that reads and started from a base."""


def load_run(folder: Path) -> tuple[nn.Module, ModelCard, Recipe]:
    """The trained network of a run folder, in eval mode, with its card and recipe.

    A tuned run needs the base that its recipe starts from; an untuned or merged one is whole.

    Raises:
        ModelError: the folder holds no finished run, or its weights do not fit its recipe.
    """
    if not (folder / "recipe.yaml").is_file():
        raise ModelError(f"{str(folder)!r} is no run folder: it has no recipe.yaml. `crackwise train` makes one.")
    recipe = load_recipe(folder / "recipe.yaml")
    weights, base = read_weights(folder)
    if base is not None:
        model = network_of(recipe)
        lay_tuned(model, weights, base, folder)
    else:
        model = network_at_random(recipe)
        adapters = left_when_merged(recipe.tuning or ())
        lay_whole(apply_tunings(model, adapters) if adapters else model, weights, folder)
    return model.eval(), read_card(folder), recipe


def network_of(recipe: Recipe) -> nn.Module:
    """The network as training starts it: the same numbers for the same recipe; tunings applied."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        if recipe.model.weights is None:
            model = build_model(recipe.model.name, recipe.data.classes, **recipe.model.options)
        else:
            model = network_at_random(recipe)
            start_from_run(model, Path(recipe.model.weights))
        return apply_tunings(model, recipe.tuning) if recipe.tuning else model


def network_at_random(recipe: Recipe) -> nn.Module:
    """The network before any published weights: for those of a run to be laid over it."""
    name, options = recipe.model.name, recipe.model.options
    return build_model(name, recipe.data.classes, **without_start(name, options))


def spelled_by(recipe: Recipe, run: Path | None) -> str | None:
    """Where the spelling of phrases lies: kept in a run folder, else in the base of the recipe; None without one."""
    kept = None if run is None else run / SPELLING
    return str(kept) if kept and kept.is_dir() else start_of(recipe.model.name, recipe.model.options)


def start_from_run(model: nn.Module, start: Path) -> None:
    """Copy the weights of a finished run.

    Raises:
        ModelError: there are none, they are of another network, or only what a tuning learnt.
    """
    weights, base = read_weights(start)
    if base is not None:
        raise ModelError(
            f"{str(start)!r} holds only what its tuning learnt, and a run cannot start there. "
            f"First: crackwise model merge {start} --out FOLDER"
        )
    lay_whole(model, weights, start)


def read_weights(folder: Path) -> tuple[dict[str, torch.Tensor], str | None]:
    """The tensors of a run folder, and the hash of the base they belong on; None where they are a whole network.

    Raises:
        ModelError: there are none, or the file is damaged.
    """
    path = folder / "weights.safetensors"
    try:
        with safe_open(path, "pt") as file:
            base = (file.metadata() or {}).get(BASE_KEY)
        return load_file(path), base
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{str(folder)!r} holds no usable weights: {error}. Train the recipe to its end first."
        ) from error


def lay_tuned(model: nn.Module, learnt: Mapping[str, torch.Tensor], base: str, folder: Path) -> None:
    """Lay the learnt weights of a tuned run over its base.

    Raises:
        ModelError: they are of another tuning, or the base is not the one they were learnt on.
    """
    if base != frozen_hash(model):
        raise ModelError(
            f"The weights in {str(folder)!r} were learnt on another base than this recipe builds here. "
            "Bring back the base checkpoint, or the version of the library, that it was trained with."
        )
    if learnt.keys() != trained_state(model).keys():
        raise ModelError(f"The weights in {str(folder)!r} are not those of its recipe's tuning.")
    model.load_state_dict(learnt, strict=False)


def lay_whole(model: nn.Module, weights: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Copy the weights of a finished run folder into a network of the same shape.

    Raises:
        ModelError: they are of another network.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{str(folder)!r} holds no usable weights: {error}. They are of another network.") from error
