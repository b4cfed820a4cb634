"""Training views: pictures varied together with their labels, cracks pasted, wide labels narrowed."""

from collections.abc import Callable

from crackwise.data.augment.config import AugmentConfig
from crackwise.data.augment.cracks import draw_cracks
from crackwise.data.augment.joints import draw_joints
from crackwise.data.augment.paste import lay_relief, paste_crack
from crackwise.data.augment.relabel import move_labels, narrow
from crackwise.data.augment.views import random_view, varied
from crackwise.data.augment.whole import classification, cracksam, plain
from crackwise.data.sample import Sample

__all__ = [
    "AUGMENTATIONS",
    "AugmentConfig",
    "build_augmentation",
    "draw_cracks",
    "draw_joints",
    "lay_relief",
    "move_labels",
    "narrow",
    "paste_crack",
    "random_view",
]

AUGMENTATIONS: dict[str, Callable[[AugmentConfig], Callable[[Sample], Sample]]] = {
    "varied": varied,
    "plain": plain,
    "cracksam": cracksam,
    "classification": classification,
}
"""Kind of an `AugmentConfig` to what makes its transform."""


def build_augmentation(config: AugmentConfig) -> Callable[[Sample], Sample]:
    """The training transform of a recipe."""
    return AUGMENTATIONS[config.kind](config)
