"""Grad-CAM and Seg-Grad-CAM, for maps of channels and for tokens, through captum.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017: of a
score y and a layer's maps A, alpha_k is the mean of dy / dA_k over its positions, the map ReLU(sum_k alpha_k A_k).
Vinogradova, Dibrov and Myers, "Towards interpretable semantic segmentation via gradient-weighted class activation
mapping", AAAI 2020, arXiv:2002.11434: y is the sum of the class's logit over a set M of pixels. Tokens have no channels
that keep to one place, so there every gradient weighs its own activation: ReLU(sum_k dy / dA_ik A_ik) at token i.
"""

from __future__ import annotations

import numpy as np
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from crackwise.explain.heat import Heat, Options
from crackwise.explain.layers import Layer, choose_layer, grid_of, layers_of
from crackwise.explain.question import Question
from crackwise.explain.subject import Subject, one_look, tensor_of

__all__ = ["RegionScore", "gradcam", "seg_gradcam"]


class RegionScore:
    """The sum of one class's logit over pixels M: a scalar per picture of a batch (B, 3, h, w)."""

    def __init__(self, net: nn.Module, index: int, region: NDArray[np.bool_]) -> None:
        self.net, self.index = net, index
        self.region = torch.from_numpy(region.copy())

    def __call__(self, image_BCHW: Tensor) -> Tensor:
        """(B,) sums of logits."""
        logits: Tensor = self.net(image_BCHW)[:, self.index]
        return (logits * self.region.to(logits)).sum((1, 2))


def gradcam(subject: Subject, question: Question, options: Options) -> tuple[Heat, ...]:
    """Grad-CAM of the class on the whole picture: of a classifier its logit, of a segmenter the sum of all logits.

    Raises:
        ModelError: a model file, or no such layer.
    """
    whole = np.ones_like(question.region)
    return (cam(subject, question._replace(region=whole, about="the whole picture"), options, "Grad-CAM"),)


def seg_gradcam(subject: Subject, question: Question, options: Options) -> tuple[Heat, ...]:
    """Grad-CAM of the class's logit summed over M; of a classifier, whose M is the whole picture, the same as Grad-CAM.

    Raises:
        ModelError: a model file, or no such layer.
    """
    return (cam(subject, question, options, "Seg-Grad-CAM"),)


def cam(subject: Subject, question: Question, options: Options, title: str) -> Heat:
    """The map of a region's score, brought to the size of the picture."""
    net = subject.network(title)
    image = tensor_of(question.pixels, net).requires_grad_()  # a frozen network would have no gradient without
    with one_look(net) as was_several, torch.enable_grad():
        layer = choose_layer(net, layers_of(net, image), options.layer, coarsest_px=subject.coarsest_px)
        score = RegionScore(net, question.class_index, question.region)
        grid = cells_of(net, layer, score, image)
        value = float(score(image).detach()[0])
    size = question.pixels.shape[:2]
    heat = F.interpolate(grid[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    facts: dict[str, str | int | float | bool] = {
        "about": question.about,
        "layer": layer.name,
        "form": "tokens" if layer.channels_last else "channels",
        "rows": grid.shape[0],
        "columns": grid.shape[1],
        "score": value,
        "one_look_of_several": was_several,
    }
    return Heat(title, np.asarray(heat.cpu().numpy(), np.float32), signed=False, facts=facts)


def cells_of(net: nn.Module, layer: Layer, score: RegionScore, image_1CHW: Tensor) -> Tensor:
    """The map at the size of the layer (rows, columns)."""
    module = net.get_submodule(layer.name)
    if not layer.channels_last:
        maps = LayerGradCam(score, module).attribute(image_1CHW, relu_attributions=True)
        assert isinstance(maps, Tensor)
        return maps.detach()[0, 0]
    product = LayerGradientXActivation(score, module).attribute(image_1CHW)
    assert isinstance(product, Tensor)
    height, width = image_1CHW.shape[-2:]
    return grid_of(product.detach()[0].sum(-1).relu(), net, (height, width))
