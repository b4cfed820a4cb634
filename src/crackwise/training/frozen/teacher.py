"""Whom a student learns from: any model, asked in every step or once per view."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import nullcontext
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from crackwise.data.feed import CrackDataModule, Draw, Views, view_seeds
from crackwise.data.sample import Sample
from crackwise.distillation import DistillConfig, channel_wise, two_channels
from crackwise.errors import ModelError
from crackwise.exported import open_exported
from crackwise.imaging.files import sha256_of
from crackwise.models.blocks import reader_in
from crackwise.predictor import ModelCard
from crackwise.training.frozen.kept import KeptViews, ViewStore, kept_paths
from crackwise.training.load import load_run
from crackwise.training.recipe import Recipe

__all__ = ["Lesson", "TaughtView", "TaughtViews", "Teacher", "lesson_of", "load_teacher", "plan_answers"]

SUREST = 1e-7
"""A probability nearer to 0 or 1 than this has no logit that single precision could tell."""
STRIDES = (16, 8, 4, 2)
KEPT = "logits, corners"
"""What a file of an answer holds."""
EXACT = 1e-3
"""Logits that nearer to each other than this say the same."""


class Teacher(NamedTuple):
    """A trained model that answers pictures (B, 3, h, w) in [0, 1] with logits (B, K, h, w), without gradient."""

    answer: Callable[[Tensor], Tensor]
    card: ModelCard
    sha256: str
    """Of its weights."""


class TaughtView(NamedTuple):
    """A training view with its teacher's answer; stacked it is a batch of the same type."""

    image: Tensor
    target: Tensor
    name: str
    answer: Tensor
    """Logits (*batch, k, h, w)."""


Lesson = Callable[[Tensor, Sample | TaughtView], Tensor]
"""What a student's logits (B, K, h, w) for a batch lack of the teacher's, as a loss."""


def load_teacher(source: str, classes: tuple[str, ...]) -> Teacher:
    """The model of a run folder or an ``.onnx`` file, as a teacher of these classes.

    Raises:
        ModelError: there is no such model, or it knows other classes.
    """
    path = Path(source)
    if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".onnx"):
        raise ModelError(f"loss.distill.teacher={source!r} is no model: expected a run folder or an .onnx file.")
    teacher = run_teacher(path) if path.is_dir() else onnx_teacher(path)
    if teacher.card.classes != classes:
        raise ModelError(
            f"The teacher {source!r} knows {', '.join(teacher.card.classes)}, the recipe learns {', '.join(classes)}. "
            "Take a teacher of the same classes in the same order."
        )
    return teacher


def run_teacher(folder: Path) -> Teacher:
    """The network of a run folder; it goes to wherever the pictures are."""
    net, card, _ = load_run(folder)
    reader = reader_in(net)
    if reader is not None:
        reader.settle()
    net.requires_grad_(requires_grad=False)

    def answer(images: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            logits: Tensor = net.to(images.device)(images)
        return logits.float()

    return Teacher(answer, card, sha256_of(folder / "weights.safetensors"))


def onnx_teacher(path: Path) -> Teacher:
    """An exported model: pictures of whole 255ths in, probabilities out, one by one."""
    exported = open_exported(path)
    session, card, sha256 = exported.session, exported.card, exported.sha256
    if card.fixed_px is not None:
        raise ModelError(f"{str(path)!r} takes pictures of one size only. Export it with --input dynamic to teach.")

    def answer(images: Tensor) -> Tensor:
        pictures = (images * 255).round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
        maps = np.stack([session.run(["probabilities"], {"image": pixels})[0] for pixels in pictures])
        return torch.from_numpy(maps).to(images.device).logit(eps=SUREST)

    return Teacher(answer, card, sha256)


def lesson_of(config: DistillConfig, teacher: Teacher) -> Lesson:
    """The distillation loss of a recipe; a batch without answers is shown to the teacher."""

    def lesson(logits: Tensor, batch: Sample | TaughtView) -> Tensor:
        answer = batch.answer if isinstance(batch, TaughtView) else teacher.answer(batch.image)
        return config.weight * channel_wise(two_channels(logits.float()), two_channels(answer), config.temperature)

    return lesson


def plan_answers(recipe: Recipe, out: Path, teacher: Teacher, data: CrackDataModule, device: torch.device) -> ViewStore:
    """Where the teacher's answer to every view of a run will lie; nothing is written yet.

    An answer is kept at the stride that the teacher's own decoder has, as far as the answer itself tells.

    Raises:
        RecipeError: the disk cannot hold them.
    """
    config = recipe.loss.distill
    assert config is not None  # the recipe sees to both
    assert config.keep is not None
    views = Views(data.parts, recipe.data)

    def answers(images: Tensor) -> list[Tensor]:
        coarse, corners = coarsest(teacher.answer(images))
        return [coarse, torch.full((len(coarse),), corners, dtype=torch.uint8)]

    first = answers(views[0, int(view_seeds(1, 1, data.seed))].image[None].to(device))
    key = hashlib.sha256(json.dumps([teacher.sha256, config.keep, version("crackwise"), KEPT]).encode()).hexdigest()
    paths = kept_paths(recipe, out, views, "answers", key, data.seed)
    sizes = [(tensor.shape[1:], tensor.dtype) for tensor in first]
    store = ViewStore("Answers", "loss.distill.keep", answers, sizes, views, paths, config.keep, device, nullcontext)
    store.refuse_too_many(next(iter(paths.values())).parent)
    return store


class TaughtViews(Dataset[TaughtView]):
    """Views with the answers that are kept of them."""

    def __init__(self, answers: KeptViews) -> None:
        self.answers = answers

    def __getitem__(self, draw: Draw) -> TaughtView:
        sample, (answer, corners) = self.answers.views[draw], self.answers[draw].kept
        whole = resampled(answer[None].float(), sample.image.shape[1:], corners=bool(corners))
        return TaughtView(*sample, whole[0])


class Coarse(NamedTuple):
    """Logits as a decoder had them before it resampled them."""

    logits: Tensor
    """(B, K, h, w)"""
    corners: bool
    """Whether it laid corners on corners (``align_corners``)."""


def coarsest(logits: Tensor) -> Coarse:
    """These logits (B, K, h, w) at the largest stride from which bilinear resampling gives them back."""
    for stride, corners in product(STRIDES, (False, True)):
        coarse = at_stride(logits, stride, corners=corners)
        off = (resampled(coarse, logits.shape[2:], corners=corners) - logits).abs().max()
        if off < EXACT * logits.abs().max().clamp_min(1):
            return Coarse(coarse, corners)
    return Coarse(logits, corners=False)


def at_stride(logits: Tensor, stride: int, *, corners: bool) -> Tensor:
    """What bilinear resampling made ``stride`` times as large: (B, K, h, w) to about (B, K, h / stride, w / stride).

    Between two coarse values lie at least two fine ones on a line: it leads back to the first of the two.
    """
    for axis in (-2, -1):
        side = logits.shape[axis]
        count = max(side // stride, 1)
        steps = torch.arange(count, dtype=torch.float64, device=logits.device)
        places = steps * (side - 1) / max(count - 1, 1) if corners else steps * stride + (stride - 1) / 2
        one = places.ceil().long().clamp_max(side - 1)
        two = (one + 1).clamp_max(side - 1)
        shape = [-1 if axis == each else 1 for each in range(-logits.ndim, 0)]
        share = (one - places).to(logits.dtype).reshape(shape)
        first, second = logits.index_select(axis, one), logits.index_select(axis, two)
        logits = first + share * (first - second)
    return logits


def resampled(logits: Tensor, size: torch.Size, *, corners: bool) -> Tensor:
    """Bilinear, from (B, K, h, w) to another height and width."""
    return F.interpolate(logits, tuple(size), mode="bilinear", align_corners=corners)
