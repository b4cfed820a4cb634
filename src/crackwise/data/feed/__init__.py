"""What feeds a training: the sets a recipe names, the views a step draws from them, the loaders Lightning asks for."""

from crackwise.data.feed.config import DataConfig, TrainingSet
from crackwise.data.feed.drawing import Views
from crackwise.data.feed.module import CrackDataModule

__all__ = ["CrackDataModule", "DataConfig", "TrainingSet", "Views"]
