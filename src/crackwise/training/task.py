"""The Lightning module that trains any segmentation network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Self

import torch
from lightning import LightningModule
from torch import Tensor, nn

from crackwise.data.sample import NOT_LABELLED, Sample
from crackwise.errors import DataError, ModelError
from crackwise.losses import Loss
from crackwise.models.blocks import Outputs
from crackwise.models.tuning import Shortcut, anatomy_of, hold_frozen_statistics, trained_state
from crackwise.processes import everyones
from crackwise.training.frozen.kept import KeptView
from crackwise.training.frozen.teacher import Lesson, TaughtView
from crackwise.training.load import BASE_KEY
from crackwise.training.recipe import OptimConfig
from crackwise.training.schedule import rate_factor
from crackwise.training.validation import SetCounts, best_threshold, joined_counts, validation_scores
from crackwise.training.whole import Tiling, whole_probabilities

__all__ = ["SegmentationTask"]

WEIGHTS = {"state_dict", "current_model_state"}
"""Where a checkpoint holds weights; the second where Lightning averages them."""


CERTAIN = 1e-6
"""A validation loss takes no probability nearer to 0 or 1 than this."""


class SegmentationTask(LightningModule):
    """Steps, scores and optimiser of one run; scores are computed per validation set at every threshold."""

    def __init__(
        self,
        model: nn.Module,
        loss: Loss,
        optim: OptimConfig,
        *,
        total_steps: int,
        auxiliary_weight: float = 0.5,
        validation_names: tuple[str, ...] = (),
        score: str = "f1",
        tiling: Tiling,
        base: str | None = None,
    ) -> None:
        """``base``: the hash of the frozen weights where checkpoints shall go without them."""
        super().__init__()
        self.model = model
        hold_frozen_statistics(model)  # Lightning calls train() only after a validation
        self.loss = loss
        self.optim = optim
        self.total_steps = total_steps
        self.auxiliary_weight = auxiliary_weight
        self.validation_names = validation_names
        self.score = score
        self.tiling = tiling
        self.base = base
        self.frozen = {f"model.{name}" for name in model.state_dict().keys() - trained_state(model).keys()}
        self.shortcut: Shortcut | None = None
        self.lesson: Lesson | None = None
        self.counts: list[SetCounts] = []
        self.threshold = 0.5

    def train(self, mode: bool = True) -> Self:
        """Training mode, in which frozen batch normalisations keep their statistics."""
        super().train(mode)
        if mode:
            hold_frozen_statistics(self.model)
        return self

    def forward(self, image: Tensor) -> Tensor | Outputs:
        """RGB in [0, 1] to logits; with auxiliary ones while training, if the network has them."""
        result: Tensor | Outputs = self.model(image)
        return result

    def training_step(self, batch: Sample | TaughtView | KeptView, _: int) -> Tensor:
        """Loss of one batch; auxiliary heads add their share, and a teacher."""
        outputs = self.go_on(batch) if isinstance(batch, KeptView) else self(batch.image)
        main, auxiliary = outputs if isinstance(outputs, Outputs) else Outputs(outputs, ())
        loss = self.loss(main.float(), batch.target)
        for logits in auxiliary:
            loss = loss + self.auxiliary_weight * self.loss(logits.float(), batch.target)
        if self.lesson is not None:
            assert not isinstance(batch, KeptView)  # the recipe sees to it
            lesson = self.lesson(main, batch)
            self.log("lesson", lesson, on_step=False, on_epoch=True, batch_size=len(batch.target))
            loss = loss + lesson
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.target))
        return loss

    def go_on(self, batch: KeptView) -> Tensor | Outputs:
        """What the network returns for the pictures of these features."""
        assert self.shortcut is not None
        return self.shortcut(batch.kept, batch.target.shape[-2:])

    def on_validation_epoch_start(self) -> None:
        """Forget the last pass."""
        self.counts = [SetCounts() for _ in self.validation_names]

    def validation_step(self, batch: Sample, _: int, dataloader_idx: int = 0) -> None:
        """Count whole pictures, predicted as they will be."""
        counts = self.counts[dataloader_idx]
        for image, target in zip(batch.image, batch.target, strict=True):
            maps = whole_probabilities(self, image, self.tiling)
            if (target != NOT_LABELLED).any():
                logits = torch.from_numpy(maps).to(target.device).logit(eps=CERTAIN)
                counts.add_loss(float(self.loss(logits[None], target[None])))
            for plane, label in zip(maps, target.cpu().numpy(), strict=True):
                counts.add(plane, label)

    def on_validation_epoch_end(self) -> None:
        """Join the counts of all processes, choose the threshold, and log every set's loss, and its scores at it."""
        self.counts = [joined_counts(parts) for parts in zip(*everyones(self.counts), strict=True)]
        for name, counts in zip(self.validation_names, self.counts, strict=True):
            if not counts.cracked + counts.crack_free:
                raise DataError(
                    f"No picture of {name} is labelled for the classes of the recipe: nothing to validate on."
                )
        self.threshold, score = best_threshold(self.counts, self.score)
        self.log("val_score", score, prog_bar=True)
        self.log("val_threshold", self.threshold)
        for name, counts in zip(self.validation_names, self.counts, strict=True):
            self.log(f"val_loss/{name}", counts.loss / counts.pictures)
            for metric, values in validation_scores(counts, at=self.threshold).items():
                self.log(f"val_{metric}/{name}", values)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the threshold and the scores that belong to these weights; where there is a base, leave it out."""
        checkpoint["threshold"] = self.threshold
        checkpoint["validation"] = {
            name: validation_scores(counts, at=self.threshold)
            for name, counts in zip(self.validation_names, self.counts, strict=False)
        }
        checkpoint[BASE_KEY] = self.base
        if self.base is not None:
            for part in WEIGHTS & checkpoint.keys():
                checkpoint[part] = {k: v for k, v in checkpoint[part].items() if k not in self.frozen}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lay the weights of a checkpoint over the base.

        Raises:
            ModelError: they were learnt on another.
        """
        if checkpoint.get(BASE_KEY) != self.base:
            raise ModelError(
                "The checkpoint of this run was learnt on another base than its recipe builds here. Bring back the "
                "base checkpoint, or the version of the library, that it was begun with, or choose another --out."
            )
        if self.base is not None:
            base = {name: tensor for name, tensor in self.state_dict().items() if name in self.frozen}
            for part in WEIGHTS & checkpoint.keys():
                checkpoint[part] = base | checkpoint[part]

    def configure_optimizers(self) -> Any:
        """The recipe's optimiser; its rate changes at every step."""
        encoder = {id(p) for p in encoder_parameters(self.model)}
        trainable = [p for p in self.model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in trainable if id(p) not in encoder], "lr": self.optim.lr},
            {"params": [p for p in trainable if id(p) in encoder], "lr": self.optim.lr * self.optim.encoder_lr_factor},
        ]
        optimizer = OPTIMIZERS[self.optim.name]([g for g in groups if g["params"]], self.optim)
        # told, not asked of the trainer: that would start the loaders before a resumed run knows its epoch
        factor = functools.partial(rate_factor, config=self.optim, total_steps=self.total_steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def encoder_parameters(model: nn.Module) -> Iterable[nn.Parameter]:
    """Weights of the encoder that the network states or names; none where it has no such part."""
    try:
        return model.get_submodule(anatomy_of(model).encoder).parameters()
    except ModelError:
        return ()


def adamw(groups: list[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    """Loshchilov and Hutter, ICLR 2019."""
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=is_fused(config))


def sgd(groups: list[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(
        groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=is_fused(config)
    )


def is_fused(config: OptimConfig) -> bool:
    """Whether one kernel updates all weights; Lightning does not clip gradients for one in mixed precision."""
    return not config.clip_norm


OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], OptimConfig], torch.optim.Optimizer]] = {
    "adamw": adamw,
    "sgd": sgd,
}
