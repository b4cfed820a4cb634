"""Networks that the authors of HrSegNet compare it with, each from its own paper: docs/models/compared.md.

All take pictures of any size (padded to a multiple of their coarsest stride), resample with ``align_corners=False``,
end in two softmax channels per class as HrSegNet's authors build them, and start at random.
"""
