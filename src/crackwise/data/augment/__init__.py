"""Training views: pictures varied together with their labels, cracks pasted, wide labels narrowed."""

from crackwise.data.augment.cracks import draw_cracks
from crackwise.data.augment.joints import draw_joints
from crackwise.data.augment.paste import lay_relief, paste_crack
from crackwise.data.augment.relabel import move_labels, narrow
from crackwise.data.augment.views import AugmentConfig, build_augmentation, random_view

__all__ = [
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
