"""Published weights: opened where they lie, checked tensor by tensor, laid under our networks.

`pretrained` and `fit` serve the builders' option ``base``; `convert` rewrites the original ``.pth`` files, whose names
are in one file per family.
"""

from crackwise.models.checkpoints.fit import Stretch, lay_over
from crackwise.models.checkpoints.pretrained import pretrained, tokenizer_of

__all__ = ["Stretch", "lay_over", "pretrained", "tokenizer_of"]
