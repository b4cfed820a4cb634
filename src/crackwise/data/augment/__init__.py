"""Training views: pictures varied together with their labels, cracks pasted, wide labels narrowed."""

from crackwise.data.augment.joints import draw_joints
from crackwise.data.augment.paste import paste_crack
from crackwise.data.augment.relabel import narrow, tolerate
from crackwise.data.augment.views import AugmentConfig, build_augmentation, random_view

__all__ = ["AugmentConfig", "build_augmentation", "draw_joints", "narrow", "paste_crack", "random_view", "tolerate"]
