"""Batch normalisation over the batch that all processes make together."""

from __future__ import annotations

import torch
from lightning.pytorch.plugins.layer_sync import LayerSync
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from crackwise.errors import ModelError
from crackwise.processes import joined_sum, process_count

__all__ = ["JoinedBatchNorm", "JoinedNorms", "join_norms"]

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class JoinedNorms(LayerSync):
    """Has Lightning put joined batch normalisations in place of a network's own; names and tensors stay."""

    def __init__(self, *, on_gpu: bool) -> None:
        self.on_gpu = on_gpu

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace them: by torch's on a GPU, by ours on a CPU, for which torch has none."""
        if not self.on_gpu:
            return join_norms(model)
        from timm.layers.norm_act import convert_sync_batchnorm  # torch's own loses the activations inside timm's norms

        joined: nn.Module = convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        return joined

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave them: outside training they are plain ones."""
        return model


def join_norms(model: nn.Module) -> nn.Module:
    """Replace every learning batch normalisation inside the network, in place; frozen ones keep their statistics.

    Raises:
        ModelError: one of them is of a library's own kind.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, _BatchNorm) and any(p.requires_grad for p in module.parameters()):
            if type(module) not in PLAIN:
                raise ModelError(
                    f"{name} is a {type(module).__name__}, which several CPU processes cannot join. "
                    "Set trainer.devices: 1, or take another encoder."
                )
            model.set_submodule(name, JoinedBatchNorm(module))
    return model


class JoinedBatchNorm(_BatchNorm):
    """A batch normalisation on the tensors of another, with the mean and variance of all processes' equal parts."""

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) to the same shape."""
        if not self.training:
            alone = self.running_mean is None
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, alone, eps=self.eps)
        axes, shape = [0, *range(2, x.dim())], (1, -1, *[1] * (x.dim() - 2))
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = joined_sum(wide.mean(axes)) / process_count()
        centred = wide - mean.view(shape)
        variance = joined_sum(centred.square().mean(axes)) / process_count()
        self.remember(mean.detach(), variance.detach(), x.numel() // x.shape[1] * process_count())
        y = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)

    @torch.no_grad()
    def remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch of ``count`` values per channel."""
        if not self.track_running_stats:
            return
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        step = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, step)
        self.running_var.lerp_(variance * count / (count - 1), step)
