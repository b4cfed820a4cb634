"""A network that forgets from the top: does its explanation notice?

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018: weights are made random layer by layer from the output
to the input; a map that stays the same does not show what the network has learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn

from crackwise.backends.pytorch import TorchPredictor
from crackwise.explain.subject import Subject
from crackwise.models.blocks import TrainingOnly

__all__ = ["STAGES", "forgetful"]

STAGES = (0.25, 0.5, 0.75, 1.0)
"""Shares of the layers, from the top, that are random."""


def forgetful(subject: Subject, seed: int, stages: tuple[float, ...] = STAGES) -> Iterator[tuple[float, Subject]]:
    """The model with ever more of its layers random; the model itself is left alone.

    Every tensor of weights is shuffled: its values stay what they were, so that layers above still get numbers of the
    usual size, and nothing that was learnt of their places is left.

    Raises:
        ModelError: a model file.
    """
    trained = subject.network("The check by random weights")
    net, card = deepcopy(trained), subject.predictor.card
    unused = {id(inner) for m in net.modules() if isinstance(m, TrainingOnly) for inner in m.modules()}
    layers = [m for m in net.modules() if list(m.parameters(recurse=False)) and id(m) not in unused]
    layers.reverse()  # registered from the picture to the answer
    generator = torch.Generator().manual_seed(seed)
    done = 0
    for share in stages:
        until = round(share * len(layers))
        for layer in layers[done:until]:
            shuffle(layer, generator)
        done = until
        yield share, replace(subject, net=net, predictor=TorchPredictor(net, card, subject.predictor.sha256))


@torch.no_grad()
def shuffle(layer: nn.Module, generator: torch.Generator) -> None:
    """Put the numbers of each of a layer's own tensors into another order."""
    for parameter in layer.parameters(recurse=False):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
