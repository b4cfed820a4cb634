"""Segment Anything as it was published, asked by points and not taught what a crack is: a baseline.

Source: Kirillov et al., "Segment Anything", ICCV 2023; its appendix B describes the automatic masks. The network is
transformers'.

Letters: B pictures, N masks, K classes, H and W height and width of a picture, h and w of a mask at stride 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms, masks_to_boxes
from transformers import SamModel

from crackwise.errors import ModelError
from crackwise.models.blocks import Normalize
from crackwise.models.cracksam import ANATOMY, SAM_MEAN, SAM_STD, fix_fourier, positions, start

__all__ = ["Filters", "PlainSAM", "build"]

MASK_TOKENS = 4
"""One for prompts that leave no doubt, three for a whole, a part and a part of it."""
STABILITY_SHIFT = 1.0
LARGEST_BOX_OVERLAP = 0.7
POINTS_AT_ONCE, MASKS_AT_ONCE = 64, 16
NOTHING = -20.0
"""The logit where no mask is kept."""

Share = Annotated[float, Field(ge=0, le=1)]


class Filters(NamedTuple):
    """Which automatic masks make the answer."""

    predicted_iou: float
    """The network's own opinion of a mask must be above this."""
    stability: float
    """IoU of the mask cut at a logit of 1 and at -1; must be above this."""
    largest_share: float
    """Of the picture; what covers more is taken for the wall, not for a crack."""


class PlainSAM(nn.Module):
    """RGB in [0, 1] (B, 3, H, W) to logits (B, K, H, W); it knows no classes, so all K maps are the same.

    Without ``filters`` all points are one prompt, whose one mask is the answer. With them every point is a prompt of
    its own and gives three masks; the answer is the union of those that pass.
    """

    anatomy = ANATOMY

    def __init__(self, sam: SamModel, *, class_count: int, points_per_side: int, filters: Filters | None) -> None:
        super().__init__()
        self.vision_encoder = sam.vision_encoder
        self.prompt_encoder = sam.prompt_encoder
        self.mask_decoder = sam.mask_decoder
        fix_fourier(self.prompt_encoder)
        self.normalize = Normalize(SAM_MEAN, SAM_STD)
        self.side_px = int(self.prompt_encoder.input_image_size)
        self.class_count = class_count
        self.points_per_side = points_per_side
        self.filters = filters

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """The same logit for every class of a pixel."""
        frame = Frame(image_BCHW.shape[-2:], self.side_px)
        features = self.vision_encoder(frame.put(image_BCHW, self.normalize)).last_hidden_state
        points = grid_of_points(self.points_per_side, frame.inner).to(features)
        if self.filters is None:
            masks, _ = self.decode(features, points.expand(len(features), 1, -1, -1), multimask=False)
            maps = frame.take(masks[:, 0, 0])[:, None]
        else:
            self.refuse_what_needs_fixed_shapes()
            maps = torch.stack([self.automatic(one[None], points, frame, self.filters) for one in features])
        return maps.expand(-1, self.class_count, -1, -1)

    def refuse_what_needs_fixed_shapes(self) -> None:
        """How many masks are kept depends on the picture: no gradient tells of it, and no exported graph holds it."""
        if self.training:
            raise ModelError("sam cannot learn with prompt=automatic. Set optim.epochs=0, or tune cracksam.")
        if torch.compiler.is_exporting():
            raise ModelError("sam cannot be exported with prompt=automatic: predict from its run folder.")

    def decode(self, features_BCHW: Tensor, points_BNP2: Tensor, *, multimask: bool) -> tuple[Tensor, Tensor]:
        """N prompts of P foreground points to masks (B, N, 1 or 3, h, w) and the IoU that is expected of each."""
        prompts = self.prompt_encoder
        centres = (points_BNP2 + 0.5) / self.side_px
        asked = prompts.shared_embedding(centres) + prompts.point_embed[1].weight
        no_box = prompts.not_a_point_embed.weight.expand(*asked.shape[:2], 1, -1)
        where = positions(prompts, *features_BCHW.shape[-2:]).expand(len(features_BCHW), -1, -1, -1)
        masks, expected_iou = self.mask_decoder(
            image_embeddings=features_BCHW,
            image_positional_embeddings=where,
            sparse_prompt_embeddings=torch.cat([asked, no_box], 2),
            dense_prompt_embeddings=prompts.no_mask_embed.weight[..., None, None],
            multimask_output=multimask,
        )
        return masks, expected_iou

    @torch.no_grad()
    def automatic(self, features_1CHW: Tensor, points_N2: Tensor, frame: Frame, filters: Filters) -> Tensor:
        """The union (1, H, W) of the masks of one picture: the highest logit of any."""
        found = [Masks.none(features_1CHW)]
        for some in torch.split(points_N2, POINTS_AT_ONCE):
            masks, expected_iou = self.decode(features_1CHW, some[None, :, None], multimask=True)
            if not masks.is_meta:  # without numbers the cost is known, but not what passes
                found.append(sound(masks.flatten(0, 2), expected_iou.flatten(), frame, filters))
        candidates = Masks(*(torch.cat(parts) for parts in zip(*found, strict=True)))
        union = features_1CHW.new_full((1, *frame.size), NOTHING)
        for masks in torch.split(candidates.distinct(), MASKS_AT_ONCE):
            maps = frame.take(masks)
            large = (maps > 0).float().mean((-2, -1)) > filters.largest_share
            maps = maps.masked_fill(large[:, None, None], NOTHING)
            union = torch.cat([union, maps]).amax(0, keepdim=True)
        return union


class Frame:
    """A picture in the square that the network sees: its longest side fits, zeros fill the rest below or beside it."""

    def __init__(self, size: torch.Size, side_px: int) -> None:
        self.size, self.side_px = size, side_px
        longest: int = torch.sym_max(*size)  # type: ignore[assignment]  # a symbol only while it is exported
        self.inner = tuple((2 * side * side_px + longest) // (2 * longest) for side in size)  # rounded

    def put(self, image_BCHW: Tensor, normalize: nn.Module) -> Tensor:
        """A picture in its frame, normalised before the zeros come."""
        if tuple(self.size) != self.inner:
            image_BCHW = F.interpolate(image_BCHW, self.inner, mode="bilinear", align_corners=False, antialias=True)
        return F.pad(normalize(image_BCHW), (0, self.side_px - self.inner[1], 0, self.side_px - self.inner[0]))

    def take(self, masks_Nhw: Tensor) -> Tensor:
        """Masks (N, h, w) of the frame to masks (N, H, W) of the picture."""
        whole = F.interpolate(masks_Nhw[:, None], (self.side_px, self.side_px), mode="bilinear", align_corners=False)
        cut = whole[..., : self.inner[0], : self.inner[1]]
        return F.interpolate(cut, tuple(self.size), mode="bilinear", align_corners=False)[:, 0]


class Masks(NamedTuple):
    """Masks of one picture."""

    logits: Tensor
    """(N, h, w), of the frame."""
    expected_iou: Tensor
    """(N,)"""
    boxes: Tensor
    """(N, 4): left, top, right and bottom pixel of the picture."""

    @classmethod
    def none(cls, like_1CHW: Tensor) -> Masks:
        """No mask, for features of this size."""
        h, w = like_1CHW.shape[-2:]
        return cls(like_1CHW.new_empty((0, 4 * h, 4 * w)), like_1CHW.new_empty(0), like_1CHW.new_empty((0, 4)))

    def distinct(self) -> Tensor:
        """The logits of those whose box is not nearly that of a surer one."""
        one_kind = torch.zeros(len(self.boxes), device=self.boxes.device)
        return self.logits[batched_nms(self.boxes, self.expected_iou, one_kind, LARGEST_BOX_OVERLAP)]


def sound(masks_Nhw: Tensor, expected_iou: Tensor, frame: Frame, filters: Filters) -> Masks:
    """The masks that the network is sure of and that hardly change with the threshold."""
    sure = expected_iou > filters.predicted_iou
    masks_Nhw, expected_iou = masks_Nhw[sure], expected_iou[sure]
    stable, boxes = [sure[:0]], [expected_iou.new_empty((0, 4))]
    for some in torch.split(masks_Nhw, MASKS_AT_ONCE):  # at the size of the picture, where they are large
        maps = frame.take(some)
        core, reach = ((maps > level).sum((-2, -1)) for level in (STABILITY_SHIFT, -STABILITY_SHIFT))
        stable.append(core / reach > filters.stability)
        boxes.append(masks_to_boxes(maps[stable[-1]] > 0))
    kept = torch.cat(stable)
    return Masks(masks_Nhw[kept], expected_iou[kept], torch.cat(boxes).to(expected_iou))


def grid_of_points(per_side: int, size: Sequence[int]) -> Tensor:
    """The centres (N, 2) of ``per_side`` x ``per_side`` cells of a picture (height, width): x, y, row by row."""
    ys, xs = ((torch.arange(per_side) + 0.5) / per_side * side for side in size)
    return torch.stack([xs.expand(per_side, -1), ys[:, None].expand(-1, per_side)], -1).flatten(0, 1)


def build(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["vit_b", "vit_l", "vit_h", "tiny"] = "vit_b",
    prompt: Literal["grid", "automatic"] = "grid",
    points_per_side: PositiveInt = 32,
    predicted_iou: float = 0.88,
    stability: Share = 0.95,
    largest_share: Share = 0.5,
    input_px: int = 1024,
    base: str | None = None,
) -> nn.Module:
    """The whole SAM, asked by a regular grid of foreground points, the longest side of a picture at ``input_px``.

    ``prompt``: ``grid`` asks once for the one object that all points lie on; ``automatic`` asks at every point for
    three masks and keeps those above ``predicted_iou`` and ``stability`` whose box is new, with its authors' values.
    The union of these is the answer, but for masks of more than ``largest_share`` of the picture. Masks have no class:
    the answer is the same for all. ``base``: a folder or hub name of SAM's weights; everything starts there.

    Raises:
        ModelError: ``input_px`` is not a multiple of 16, or there is no such base of this size.
    """
    sam = start(size, input_px, MASK_TOKENS, base=base)
    filters = Filters(predicted_iou, stability, largest_share) if prompt == "automatic" else None
    return PlainSAM(sam, class_count=len(classes), points_per_side=points_per_side, filters=filters)
