"""What feeds a training: the sets a recipe names, the views a step draws from them, the loaders Lightning asks for."""

from crackwise.data.feed.config import DataConfig, TrainingSet
from crackwise.data.feed.drawing import Draw, Views, view_seeds
from crackwise.data.feed.identity import view_hashes
from crackwise.data.feed.module import CrackDataModule
from crackwise.data.feed.share import WHOLE, Share

__all__ = [
    "WHOLE",
    "CrackDataModule",
    "DataConfig",
    "Draw",
    "Share",
    "TrainingSet",
    "Views",
    "view_hashes",
    "view_seeds",
]
