"""Losses, as each paper defines them, and weighted sums of them.

Every loss is a function ``(logits, target) -> scalar``: logits float (B, K, H, W), one sigmoid per class; target uint8
(B, K, H, W) of 0, 1 and 255 = not labelled, which every loss leaves out. A network with two softmax channels hands over
their difference: softmax over (background, crack) equals the sigmoid of crack - background, so the two-channel losses
below are exact on one logit.

Where several processes share a training step, every loss is that of the batch they make together. Without gradients, as
in validation, each process judges its own pictures.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from crackwise.data.sample import NOT_LABELLED
from crackwise.distillation import DistillConfig
from crackwise.processes import everyones, joined_sum
from crackwise.strict import Strict
from crackwise.tally import ALARM_PX

__all__ = ["LOSSES", "Loss", "LossConfig", "LossTerm", "build_loss"]

Loss = Callable[[Tensor, Tensor], Tensor]


def labelled(target: Tensor) -> tuple[Tensor, Tensor]:
    """Target as float with 0 where not labelled, and the float mask of what is labelled."""
    known = target != NOT_LABELLED
    return (target * known).float(), known.float()


def total(values: Tensor) -> Tensor:
    """The sum over the batch, of which every process holds a part."""
    return joined_sum(values.sum()) if torch.is_grad_enabled() else values.sum()


def bce(logits: Tensor, target: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy, mean over labelled pixels.

    ``smoothing`` e: against (1 - e) y + e / 2 (Szegedy et al., CVPR 2016), below whose entropy it never falls: .19852
    for e = .1.
    """
    truth, known = labelled(target)
    truth = (1 - smoothing) * truth + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return total(losses * known) / total(known).clamp_min(1)


def ce(logits: Tensor, target: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Two-class softmax cross-entropy, mean over labelled pixels: on the difference of the channels it is ``bce``."""
    return bce(logits, target, smoothing=smoothing)


def dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - 2 sum(pt) / (sum p + sum t), over the whole batch (CLIPSeg's form, smoothing 1e-6)."""
    truth, known = labelled(target)
    probability = logits.sigmoid() * known
    return 1 - (2 * total(probability * truth) + 1e-6) / (total(probability) + total(truth) + 1e-6)


def dice_squared(logits: Tensor, target: Tensor) -> Tensor:
    """CrackSAM's Dice: squared sums over the whole batch, mean of the background's and the crack's, smoothing 1e-5."""
    truth, known = labelled(target)
    probability = logits.sigmoid()
    terms = []
    for p, t in ((1 - probability, 1 - truth), (probability, truth)):
        p, t = p * known, t * known
        terms.append(1 - (2 * total(p * t) + 1e-5) / (total(t.square()) + total(p.square()) + 1e-5))
    return torch.stack(terms).mean()


def dice_per_image(logits: Tensor, target: Tensor) -> Tensor:
    """MONAI's Dice, named by the SAM2 system: 1 - 2 sum(pt) / (sum p + sum t) per picture and class, then their mean.

    Smoothing 1e-5; a picture without any label counts 0.
    """
    truth, known = labelled(target)
    probability = logits.sigmoid() * known
    overlap, size = (probability * truth).sum((2, 3)), (probability + truth).sum((2, 3))
    losses = 1 - (2 * overlap + 1e-5) / (size + 1e-5)
    return total(losses) / total(torch.ones_like(losses))


def alarms(logits: Tensor, target: Tensor) -> Tensor:
    """Soft share of crack-free pictures with an alarm: s / (s + 50), s the sum of a picture's probabilities.

    It is Dice with a smoothing of ``ALARM_PX`` on pictures without any crack; the other terms hardly feel a few dozen
    false pixels there. 0 in a batch without such a picture.
    """
    truth, known = labelled(target)
    crack_free = (truth.sum((1, 2, 3)) == 0) & (known.sum((1, 2, 3)) > 0)
    false_px = (logits.sigmoid() * known).sum((1, 2, 3))
    return total(crack_free * false_px / (false_px + ALARM_PX)) / total(crack_free).clamp_min(1)


def ohem(logits: Tensor, target: Tensor, *, keep_below: float = 0.7, at_least: int = 10_000) -> Tensor:
    """Cross-entropy over hard pixels (PaddleSeg's OHEM, used by HrSegNet).

    Hard is a pixel whose probability of its true class is below ``keep_below``, or below the ``at_least``-th smallest
    such probability where that is larger. With at most ``at_least`` labelled pixels all count.
    """
    truth, known = labelled(target)
    losses = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    hard = known
    if total(known) > at_least:
        true_probability = torch.exp(-losses.detach())
        limit = smallest(torch.where(known.bool(), true_probability, torch.inf), at_least).clamp_min(keep_below)
        hard = known * (true_probability < limit)
    return total(losses * hard) / (total(hard) + 1e-5 * total(known.new_full((), known.numel())))


def smallest(values: Tensor, count: int) -> Tensor:
    """The ``count``-th smallest value of the batch; without gradient, ``count`` not above their number."""
    own = torch.topk(values.flatten(), min(count, values.numel()), largest=False, sorted=False).values
    if torch.is_grad_enabled():
        own = torch.topk(torch.cat(everyones(own)), count, largest=False, sorted=False).values
    return own.max()


def focal(logits: Tensor, target: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Cross-entropy by (1 - probability of the true class) ** gamma, mean over labelled pixels (Lin et al., ICCV 2017).

    Crack pixels count ``alpha``, the others 1 - ``alpha``. The paper divides by the number of objects instead.
    """
    truth, known = labelled(target)
    losses = sigmoid_focal_loss(logits, truth, alpha, gamma)
    return total(losses * known) / total(known).clamp_min(1)


def lovasz(logits: Tensor, target: Tensor) -> Tensor:
    """Lovász-Softmax of every picture: 1 - IoU made smooth, mean over what it shows of background and crack.

    Berman et al., CVPR 2018, arXiv:1705.08790, by pictures. 0 in a batch without any label.
    """
    truth, known = labelled(target)
    wrong = (truth - logits.sigmoid()).abs()
    order = torch.where(known.bool(), wrong.detach(), -1).flatten(2)
    losses, shown = [], []
    for present in (truth * known, (1 - truth) * known):
        is_shown = present.sum((2, 3)) > 0
        steps = steps_of_iou(order, present.flatten(2)).view_as(wrong)
        losses.append(is_shown * (wrong * known * steps).sum((2, 3)))
        shown.append(is_shown)
    return total(torch.stack(losses)) / total(torch.stack(shown)).clamp_min(1)


def steps_of_iou(errors: Tensor, truth: Tensor) -> Tensor:
    """What each pixel (..., P) takes from the IoU if they go wrong one by one, the largest error first. Algorithm 1."""
    order = errors.argsort(-1, descending=True)
    sorted_truth = truth.gather(-1, order)
    present = truth.sum(-1, keepdim=True)
    lost = 1 - (present - sorted_truth.cumsum(-1)) / (present + (1 - sorted_truth).cumsum(-1))
    steps = lost.diff(dim=-1, prepend=torch.zeros_like(present))
    return torch.zeros_like(steps).scatter(-1, order, steps)


LOSSES: dict[str, Loss] = {
    "alarms": alarms,
    "bce": bce,
    "ce": ce,
    "dice": dice,
    "dice_per_image": dice_per_image,
    "dice_squared": dice_squared,
    "focal": focal,
    "lovasz": lovasz,
    "ohem": ohem,
}

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "bce": ("smoothing",),
    "ce": ("smoothing",),
    "focal": ("alpha", "gamma"),
    "ohem": ("keep_below", "at_least"),
}
"""What of a `LossTerm` a loss takes."""


class LossTerm(Strict):
    """One row of ``LOSSES`` with its weight."""

    name: Literal["alarms", "bce", "ce", "dice", "dice_per_image", "dice_squared", "focal", "lovasz", "ohem"]
    weight: PositiveFloat = 1.0
    keep_below: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """OHEM alone: pixels surer than this are easy."""
    at_least: PositiveInt = 10_000
    """OHEM alone: how many pixels always count."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Focal alone: how much crack pixels count; the others count 1 - alpha."""
    gamma: NonNegativeFloat = 2.0
    """Focal alone: how little sure pixels count; 0 is cross-entropy."""
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """``bce`` and ``ce`` alone: how far the truth is drawn towards a half."""

    @model_validator(mode="after")
    def says_nothing_in_vain(self) -> Self:
        """A setting that the loss does not take would do nothing."""
        taken = {"name", "weight", *SETTINGS.get(self.name, ())}
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        vain = [name for name in usual if name not in taken and getattr(self, name) != usual[name]]
        if vain:
            raise ValueError(f"{', '.join(vain)} would do nothing to {self.name}")
        return self


class LossConfig(Strict):
    """A weighted sum of losses, and how much each auxiliary head adds."""

    terms: Annotated[tuple[LossTerm, ...], Field(min_length=1)] = (
        LossTerm(name="bce", weight=0.4),
        LossTerm(name="dice", weight=0.6),
    )
    auxiliary_weight: NonNegativeFloat = 0.5
    distill: DistillConfig | None = None
    """A teacher beside the labels."""


def build_loss(config: LossConfig) -> Loss:
    """The weighted sum that the configuration names."""

    def one(term: LossTerm) -> Loss:
        settings = {name: getattr(term, name) for name in SETTINGS.get(term.name, ())}
        return functools.partial(LOSSES[term.name], **settings)

    terms = [(term.weight, one(term)) for term in config.terms]

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return torch.stack([weight * term(logits, target) for weight, term in terms]).sum()

    return loss
