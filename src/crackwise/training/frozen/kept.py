"""What a frozen network says of every view, computed once and kept on disk.

One file per view, called by a hash of all that decides its numbers: it appears whole or not at all, so whatever is
there is right, and a killed run goes on with what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crackwise.data.feed import WHOLE, Draw, Share, Views, view_hashes, view_seeds
from crackwise.errors import DataError, RecipeError
from crackwise.imaging.files import remove_leftovers, write_atomically
from crackwise.training.recipe import Recipe

__all__ = ["KeptView", "KeptViews", "Precision", "ViewStore", "kept_paths"]

Precision = Callable[[], AbstractContextManager[object]]
"""What a step runs inside of: autocast, or nothing."""

FORMATS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
HEADER_BYTES = 8192
"""Of every file, with what it leaves empty of its last block."""


class KeptView(NamedTuple):
    """A training view as what was kept of it; stacked it is a batch of the same type."""

    kept: tuple[Tensor, ...]
    target: Tensor
    """uint8 (*batch, k, h, w), as in `Sample`."""
    name: str


@dataclass(frozen=True, slots=True)
class ViewStore:
    """What is kept of all views of a run: what is missing is computed, what is there is read."""

    what: str
    """``"Features"``, for the user."""
    setting: str
    """The setting of the recipe that chose the form."""
    compute: Callable[[Tensor], Sequence[Tensor]]
    """Pictures (B, 3, h, w) to tensors (B, ...)."""
    sizes: Sequence[tuple[torch.Size, torch.dtype]]
    """Of each tensor, for one view."""
    views: Views
    paths: Mapping[Draw, Path]
    """Where every view's tensors are, or will be."""
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
                f"{self.setting} needs {count * each / 1e9:.3g} GB in {str(folder)!r} for {count} views of "
                f"{each / 1e6:.3g} MB, and {free / 1e9:.3g} GB are free. Lower data.views_per_picture, set "
                f"{self.setting}=f16, or name a folder on another disk in trainer.cache_folder."
            )

    def bytes_per_view(self) -> int:
        """What one file takes on the disk, at most."""
        narrow = FORMATS[self.form].itemsize
        kept: int = sum(shape.numel() * min(narrow, dtype.itemsize) for shape, dtype in self.sizes)
        config = self.views.config
        return kept + len(config.classes) * config.augment.crop_px**2 + HEADER_BYTES

    def fill(self, share: Share = WHOLE) -> KeptViews:
        """Compute what is missing of a process's share, saying first how much that is; then everything is there.

        Lightning lets no process train before all have come so far.
        """
        batches, each = self.missing(share), self.bytes_per_view()
        count = sum(map(len, batches))
        workers, generator = self.views.config.workers, torch.Generator().manual_seed(0)
        loader = DataLoader(self.views, batch_sampler=batches, num_workers=workers, generator=generator)
        told = f"{self.what} of {count} views, {each / 1e6:.3g} MB each, {count * each / 1e9:.3g} GB"
        with self.precision():
            for batch, drawn in zip(Tqdm(loader, desc=told, disable=not batches), batches, strict=True):
                tensors = self.compute(batch.image.to(self.device))
                for i, draw in enumerate(drawn):
                    self.write(self.paths[draw], [tensor[i] for tensor in tensors], batch.target[i])
        return KeptViews(self.views, self.paths, len(self.sizes))

    def write(self, path: Path, tensors: Sequence[Tensor], target: Tensor) -> None:
        """One view to its file."""
        named = {str(i): narrowed(tensor, self.form).cpu().contiguous() for i, tensor in enumerate(tensors)}
        write_atomically(path, save({**named, "target": target.contiguous()}))


class KeptViews(Dataset[KeptView]):
    """Views read from where they are kept."""

    def __init__(self, views: Views, paths: Mapping[Draw, Path], tensors: int) -> None:
        self.views = views
        self.paths = paths
        self.tensors = tensors

    def __getitem__(self, draw: Draw) -> KeptView:
        path = self.paths[draw]
        try:
            with safe_open(path, "pt") as file:  # maps the file into memory
                kept = tuple(file.get_tensor(str(i)) for i in range(self.tensors))
                return KeptView(kept, file.get_tensor("target"), self.views.pictures.items[draw[0]].name)
        except (OSError, SafetensorError) as error:
            raise DataError(
                f"Cannot read what was kept of a view in {str(path)!r}: {error}. Delete the file and give the command "
                "again."
            ) from error


def kept_paths(recipe: Recipe, out: Path, views: Views, kind: str, key: str, seed: int) -> dict[Draw, Path]:
    """Where every view of a recipe is kept: in a folder called by the ``key`` of the network that is asked.

    What a killed run left half-written there is removed.
    """
    settings, per_picture = recipe.trainer, recipe.data.views_per_picture
    assert per_picture is not None  # the recipe sees to it
    folder = (Path(settings.cache_folder) if settings.cache_folder else out / kind) / key[:16]
    if settings.cache_folder is None and settings.devices == 1:  # else another may be at work there
        remove_leftovers(folder)
    return dict(named(folder, views, per_picture, seed))


def named(folder: Path, views: Views, per_picture: int, seed: int) -> Iterator[tuple[Draw, Path]]:
    """Every view there is, with its file."""
    seeds = view_seeds(len(views.pictures), per_picture, seed)
    draws = [(index, seed) for index, row in enumerate(seeds.tolist()) for seed in row]
    for draw, name in zip(draws, view_hashes(views, draws), strict=True):
        yield draw, folder / f"{name}.safetensors"


def narrowed(tensor: Tensor, form: str) -> Tensor:
    """A tensor in the form it is kept in, if that takes less.

    Raises:
        RecipeError: it holds a number that is too large for it.
    """
    dtype = FORMATS[form]
    if dtype.itemsize >= tensor.dtype.itemsize:
        return tensor
    kept = tensor.to(dtype)
    if kept.isinf().any() and not tensor.isinf().any():
        raise RecipeError(
            f"{form} holds numbers up to {torch.finfo(dtype).max:.3g}, and one to be kept is "
            f"{float(tensor.abs().max()):.3g}. Keep views in bf16 or f32 instead."
        )
    return kept
