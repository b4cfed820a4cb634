"""The features of a frozen encoder, computed once per view and kept on disk.

One file per view, called by a hash of all that decides its numbers: it appears whole or not at all, so whatever is
there is right, and a killed run goes on with what is missing.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from crackwise.data.feed import WHOLE, CrackDataModule, Draw, Share, Views, view_hashes, view_seeds
from crackwise.errors import DataError, RecipeError
from crackwise.imaging.files import remove_leftovers, write_atomically
from crackwise.models import without_start
from crackwise.models.tuning import Shortcut, find_shortcut, frozen_hash
from crackwise.training.recipe import Recipe

__all__ = ["FeatureStore", "KeptView", "KeptViews", "plan_features"]

Precision = Callable[[], AbstractContextManager[object]]
"""What a step runs inside of: autocast, or nothing."""

FORMATS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
HEADER_BYTES = 8192
"""Of every file, with what it leaves empty of its last block."""

LIBRARIES = ("crackwise", "torch", "torchvision", "transformers", "timm", "segmentation-models-pytorch")
"""Another version may draw another view, or compute other features."""


class KeptView(NamedTuple):
    """A training view as the features that its picture gives; stacked it is a batch of the same type."""

    features: tuple[Tensor, ...]
    target: Tensor
    """uint8 (*batch, k, h, w), as in `Sample`."""
    name: str


class KeptViews(Dataset[KeptView]):
    """Views read from where their features are kept."""

    def __init__(self, views: Views, paths: Mapping[Draw, Path], tensors: int) -> None:
        self.views = views
        self.paths = paths
        self.tensors = tensors

    def __getitem__(self, draw: Draw) -> KeptView:
        path = self.paths[draw]
        try:
            with safe_open(path, "pt") as file:  # maps the file into memory
                features = tuple(file.get_tensor(str(i)) for i in range(self.tensors))
                return KeptView(features, file.get_tensor("target"), self.views.pictures.items[draw[0]].name)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"Cannot read the features in {str(path)!r}: {error}. Delete the file and give the command again."
            ) from error


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The features of all views of a run: what is missing is computed, what is there is read."""

    shortcut: Shortcut
    views: Views
    paths: Mapping[Draw, Path]
    """Where every view's features are, or will be."""
    form: str
    """A key of `FORMATS`."""
    device: torch.device
    precision: Precision

    def missing(self, share: Share = WHOLE) -> list[list[Draw]]:
        """The batches, always the same ones, of which a view is not there: so that rounding repeats itself."""
        draws, size = list(self.paths), self.views.config.batch_size
        batches = [draws[i : i + size] for i in range(0, len(draws), size)][share.part]
        return [batch for batch in batches if not all(self.paths[draw].is_file() for draw in batch)]

    def refuse_too_many(self, folder: Path) -> None:
        """Leave alone a disk that cannot hold what is missing.

        Raises:
            RecipeError: it has not that much free.
        """
        count, each = sum(map(len, self.missing())), self.bytes_per_view()
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(there).free
        if count * each > free:
            raise RecipeError(
                f"trainer.cache needs {count * each / 1e9:.3g} GB in {str(folder)!r} for {count} views of "
                f"{each / 1e6:.3g} MB, and {free / 1e9:.3g} GB are free. Lower data.views_per_picture, set "
                "trainer.cache=f16, or name a folder on another disk in trainer.cache_folder."
            )

    def bytes_per_view(self) -> int:
        """What one file takes on the disk, at most."""
        narrow = FORMATS[self.form].itemsize
        facts = zip(self.shortcut.shapes, self.shortcut.dtypes, strict=True)
        features: int = sum(shape.numel() * min(narrow, dtype.itemsize) for shape, dtype in facts)
        config = self.views.config
        return features + len(config.classes) * config.augment.crop_px**2 + HEADER_BYTES

    def fill(self, share: Share = WHOLE) -> Dataset[KeptView]:
        """Compute what is missing of a process's share, saying first how much that is; the views to train on.

        Lightning lets no process train before all have come so far.
        """
        batches, each = self.missing(share), self.bytes_per_view()
        count = sum(map(len, batches))
        workers, generator = self.views.config.workers, torch.Generator().manual_seed(0)
        loader = DataLoader(self.views, batch_sampler=batches, num_workers=workers, generator=generator)
        told = f"Features of {count} views, {each / 1e6:.3g} MB each, {count * each / 1e9:.3g} GB"
        with self.precision():
            for batch, drawn in zip(Tqdm(loader, desc=told, disable=not batches), batches, strict=True):
                features = self.shortcut.features(batch.image.to(self.device))
                for i, draw in enumerate(drawn):
                    self.write(self.paths[draw], [feature[i] for feature in features], batch.target[i])
        return KeptViews(self.views, self.paths, len(self.shortcut.places))

    def write(self, path: Path, features: Sequence[Tensor], target: Tensor) -> None:
        """One view to its file."""
        tensors = {str(i): narrowed(feature, self.form).cpu().contiguous() for i, feature in enumerate(features)}
        write_atomically(path, save({**tensors, "target": target.contiguous()}))


def plan_features(
    recipe: Recipe,
    out: Path,
    model: nn.Module,
    data: CrackDataModule,
    *,
    device: torch.device,
    precision: Precision = nullcontext,
) -> FeatureStore:
    """Where the features of every view of a run will lie; nothing is written yet, the network goes to the device.

    Raises:
        ModelError: the network has no features to keep under this tuning.
        RecipeError: the disk cannot hold them.
    """
    settings, config = recipe.trainer, recipe.data
    assert settings.cache is not None  # the recipe sees to both
    assert config.views_per_picture is not None
    views = Views(data.parts, config)
    seeds = view_seeds(len(views.pictures), config.views_per_picture, data.seed)
    draws = [(index, seed) for index, row in enumerate(seeds.tolist()) for seed in row]
    with precision():
        shortcut = find_shortcut(model.to(device), views[draws[0]].image[None].to(device))
    above = Path(settings.cache_folder) if settings.cache_folder else out / "features"
    folder = above / network_hash(recipe, model, shortcut)[:16]
    names = view_hashes(views, draws)
    paths = {draw: folder / f"{name}.safetensors" for draw, name in zip(draws, names, strict=True)}
    store = FeatureStore(shortcut, views, paths, settings.cache, device, precision)
    if settings.cache_folder is None and settings.devices == 1:  # else another may be at work there
        remove_leftovers(folder)
    store.refuse_too_many(folder)
    return store


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


def narrowed(feature: Tensor, form: str) -> Tensor:
    """A feature in the form it is kept in, if that takes less.

    Raises:
        RecipeError: it holds a number that is too large for it.
    """
    dtype = FORMATS[form]
    if dtype.itemsize >= feature.dtype.itemsize:
        return feature
    kept = feature.to(dtype)
    if kept.isinf().any() and not feature.isinf().any():
        raise RecipeError(
            f"trainer.cache={form} holds numbers up to {torch.finfo(dtype).max:.3g}, a feature is "
            f"{float(feature.abs().max()):.3g}. Take bf16 or f32."
        )
    return kept
