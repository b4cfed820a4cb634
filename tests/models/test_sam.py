"""Plain SAM: points and masks as transformers computes them, and what becomes of masks that have no class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import SamImageProcessor, SamModel
from transformers.pipelines import MaskGenerationPipeline
from transformers.utils import logging

from crackwise.backends.onnx_export import to_onnx
from crackwise.backends.pytorch import PixelsToProbabilities
from crackwise.errors import ModelError
from crackwise.models import build_model, count_parameters, cracksam
from crackwise.models.cost import build_on_meta, multiply_adds
from crackwise.models.sam import PlainSAM
from crackwise.predictor import ModelCard

SIDE_PX = 128
TINY = {"size": "tiny", "input_px": SIDE_PX}


@pytest.fixture
def theirs() -> SamModel:
    """transformers' SAM of size tiny, every parameter away from the zeros and ones it starts at."""
    logging.disable_progress_bar()
    torch.manual_seed(0)
    net = SamModel(cracksam.configuration(cracksam.SIZES["tiny"], SIDE_PX, 4))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return net.eval()


@pytest.fixture
def base(theirs: SamModel, tmp_path: Path) -> str:
    theirs.save_pretrained(tmp_path / "sam")
    return str(tmp_path / "sam")


def processor() -> SamImageProcessor:
    """What prepares pictures for SAM, at the side of the tiny one."""
    side = {"height": SIDE_PX, "width": SIDE_PX}
    return SamImageProcessor(size={"longest_edge": SIDE_PX}, pad_size=side)


def wall(height: int, width: int) -> np.ndarray:
    """Noise with a dark bar across."""
    pixels = np.random.default_rng(3).integers(150, 220, (height, width, 3), dtype=np.uint8)
    pixels[height // 2 : height // 2 + 9] = 20
    return pixels


def as_tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(("size", "atol"), [((96, 128), 1e-5), ((128, 70), 1e-5), ((200, 301), 0.01), ((50, 37), 0.01)])
def test_a_grid_is_the_one_mask_that_sam_gives_for_all_points(
    theirs: SamModel, base: str, size: tuple[int, int], atol: float
) -> None:
    # the reference resamples in whole grey values
    ours = build_model("sam", base=base, points_per_side=3, **TINY).eval()
    pixels = wall(*size)
    prepare = processor()
    points = [[[(x + 0.5) / 3 * size[1], (y + 0.5) / 3 * size[0]] for y in range(3) for x in range(3)]]
    inputs = prepare(Image.fromarray(pixels), return_tensors="pt")
    scale = torch.tensor([side / old for side, old in zip(inputs["reshaped_input_sizes"][0], size, strict=True)])
    with torch.no_grad():
        out = theirs(inputs["pixel_values"], torch.tensor([points]) * scale.flip(0), multimask_output=False)
        maps = ours(as_tensor(pixels))
    sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
    (expected,) = prepare.post_process_masks(out.pred_masks, *sizes, binarize=False)
    assert expected.std() > 0.1
    torch.testing.assert_close(maps, expected, rtol=0, atol=atol)


def test_every_point_gives_the_three_masks_that_sam_gives_it(theirs: SamModel, base: str) -> None:
    ours = build_model("sam", base=base, **TINY).eval()
    assert isinstance(ours, PlainSAM)
    features, points = torch.randn(1, 256, 8, 8), SIDE_PX * torch.rand(1, 5, 1, 2)
    with torch.no_grad():
        masks, expected_iou = ours.decode(features, points, multimask=True)
        reference = theirs(image_embeddings=features, input_points=points)
    assert masks.shape == (1, 5, 3, 32, 32)
    torch.testing.assert_close(masks, reference.pred_masks, rtol=0, atol=1e-5)
    torch.testing.assert_close(expected_iou, reference.iou_scores, rtol=0, atol=1e-5)


class Blobs(nn.Module):
    """Stands in for the decoder, whose random masks all fill the picture: three blobs around every point."""

    def __init__(self, foreground: Tensor) -> None:
        super().__init__()
        self.foreground = foreground

    def forward(
        self,
        image_embeddings: Tensor,
        image_positional_embeddings: Tensor,
        sparse_prompt_embeddings: Tensor,
        multimask_output: bool,
        **_: object,
    ) -> tuple[Tensor, Tensor]:
        """Logits by the likeness of a place to the point, and an IoU that changes from point to point."""
        assert multimask_output
        point = sparse_prompt_embeddings[:, :, 0] - self.foreground
        likeness = torch.einsum("bnc,bchw->bnhw", point, image_positional_embeddings) / (point.shape[-1] / 2)
        light = image_embeddings.mean(1)[:, None, None]
        logits = 20 * (likeness[:, :, None] - torch.tensor([0.9, 0.8, 0.5])[:, None, None]) + light - light.mean()
        masks = F.interpolate(logits.flatten(0, 1), scale_factor=4, mode="bilinear").unflatten(0, logits.shape[:2])
        return masks, 0.5 + 0.5 * torch.sin(40 * point[..., :3])


FOURIER = 0.4 * torch.randn(2, 128, generator=torch.Generator().manual_seed(2))


def draw_blobs(net: nn.Module) -> None:
    """Put the blobs in, in whose eyes near points are alike."""
    net.prompt_encoder.shared_embedding.positional_embedding.data = FOURIER
    net.mask_decoder = Blobs(net.prompt_encoder.point_embed[1].weight.detach())


FILTERS = [(0.01, 0.01, 0.04), (0.6, 0.01, 0.06), (0.01, 0.7, 0.15), (0.99, 0.5, 1.0)]


@pytest.mark.parametrize("filters", FILTERS)
@pytest.mark.parametrize("size", [(96, 128), (128, 70)])
def test_automatic_masks_are_those_of_the_pipeline_of_transformers(
    theirs: SamModel, base: str, filters: tuple[float, float, float], size: tuple[int, int]
) -> None:
    predicted_iou, stability, largest_share = filters
    settings = {"predicted_iou": predicted_iou, "stability": stability, "largest_share": largest_share}
    ours = build_model("sam", base=base, prompt="automatic", points_per_side=9, **settings, **TINY).eval()
    theirs.shared_image_embedding.positional_embedding.data = FOURIER
    for net in (theirs, ours):
        draw_blobs(net)
    pixels = wall(*size)
    pipeline = MaskGenerationPipeline(model=theirs, image_processor=processor())
    found = pipeline(
        Image.fromarray(pixels), points_per_crop=9, pred_iou_thresh=predicted_iou, stability_score_thresh=stability
    )["masks"]
    small = torch.stack([mask for mask in found if mask.float().mean() <= largest_share])
    assert 3 * 81 > len(found) > 1
    assert 0.1 < small.any(0).float().mean() < 0.99
    with torch.no_grad():
        maps = ours(as_tensor(pixels))
    assert torch.equal(maps[0, 0] > 0, small.any(0))


def test_where_no_mask_passes_there_is_nothing() -> None:
    model = build_model("sam", prompt="automatic", points_per_side=2, predicted_iou=100.0, **TINY).eval()
    maps = model(torch.rand(1, 3, 60, 90))
    assert maps.shape == (1, 1, 60, 90)
    assert (maps.sigmoid() < 1e-6).all()


def test_the_pictures_of_a_batch_do_not_meet(base: str) -> None:
    model = build_model("sam", base=base, prompt="automatic", points_per_side=3, predicted_iou=-9, stability=0, **TINY)
    pictures = torch.rand(2, 3, 60, 90, generator=torch.Generator().manual_seed(1))
    draw_blobs(model.eval())
    with torch.no_grad():
        both, alone = model(pictures), model(pictures[1:])
    assert alone.std() > 0.1
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-4)


def test_masks_have_no_class() -> None:
    maps = build_model("sam", ("crack", "drywall joint"), points_per_side=2, **TINY)(torch.rand(1, 3, 64, 64))
    assert torch.equal(maps[:, 0], maps[:, 1])


def test_automatic_masks_neither_learn_nor_become_a_file(tmp_path: Path) -> None:
    model = build_model("sam", prompt="automatic", points_per_side=2, **TINY)
    with pytest.raises(ModelError, match="cannot learn with prompt=automatic"):
        model(torch.rand(1, 3, 64, 64))
    with pytest.raises(ModelError, match="cannot be exported with prompt=automatic"):
        to_onnx(PixelsToProbabilities(model.eval()), ModelCard(name="drawn", version="1"), tmp_path / "model.onnx")


def test_the_whole_sam_is_there_and_costs_more_by_the_point() -> None:
    assert count_parameters(build_on_meta("sam", size="vit_h")).total == 641_090_608
    costs = [multiply_adds(build_on_meta("sam", prompt=prompt, **TINY), 128) for prompt in ("grid", "automatic")]
    assert costs[1] > 10 * costs[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"input_px": 100}, "multiple of 16"),
        ({"points_per_side": 0}, "greater than 0"),
        ({"stability": 1.5}, "less than or equal to 1"),
        ({"prompt": "box"}, "'grid' or 'automatic'"),
    ],
)
def test_a_wrong_option_is_one_clear_sentence(options: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        build_model("sam", **{"size": "tiny"} | options)
