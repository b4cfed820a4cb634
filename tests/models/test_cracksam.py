"""CrackSAM: the decoder of transformers without a prompt, and pixels as the statistics of SAM want them."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor
from transformers import SamModel

from crackwise.models import build_model, cracksam

SAM_MEAN, SAM_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""As published, of pixels from 0 to 255."""


@pytest.mark.parametrize("classes", [1, 2])
def test_the_decoder_gives_the_masks_that_sam_gives_without_a_prompt(classes: int) -> None:
    torch.manual_seed(0)
    theirs = SamModel(cracksam.configuration(cracksam.SIZES["tiny"], 128, 2 * classes)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    ours, features = cracksam.CrackSAM(deepcopy(theirs)).eval(), torch.randn(2, 256, 8, 8)
    with torch.no_grad():
        one, others = (
            theirs(image_embeddings=features, multimask_output=several).pred_masks[:, 0] for several in (False, True)
        )
        masks = ours.decode(features)
    assert masks.shape == (2, 2 * classes, 32, 32)
    assert masks.std() > 0.1
    torch.testing.assert_close(masks, torch.cat([one, others], 1), rtol=0, atol=1e-5)


def seen_by_the_encoder(image: Tensor, **options: object) -> Tensor:
    """The pixels that reach the image encoder."""
    model = build_model("cracksam", size="tiny", input_px=64, **options).eval()
    (network,) = (module for module in model.modules() if isinstance(module, cracksam.CrackSAM))
    seen: list[Tensor] = []
    network.vision_encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        model(image)
    return seen[0]


def test_the_encoder_sees_what_sam_was_trained_on() -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (SAM_MEAN, SAM_STD))
    torch.testing.assert_close(seen_by_the_encoder(image, normalize="sam"), (255 * image - mean) / std)


@pytest.mark.parametrize("options", [{}, {"normalize": "none"}])
def test_as_published_the_encoder_sees_the_bare_pixels(options: dict[str, object]) -> None:
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.equal(seen_by_the_encoder(image, **options), image)
