"""Drawn answers for the tests of protocols: labels with predictions of them."""

import numpy as np
from scipy import ndimage

from crackwise.evaluation.protocols.answer import Answer


def soft_answer(seed, *, crack=True, shape=(50, 70), unknown=True, levels=None):
    """A crack of about 3 px on a slope, found in part, a band of the picture not labelled."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    truth = (np.abs(rows - 20 - 0.3 * columns - seed % 5) < 1.8) & crack
    soft = ndimage.gaussian_filter(truth + rng.normal(0, 0.9, shape), 1.5)
    probability = np.clip(soft, 0, 1).astype(np.float32)
    if levels:
        probability = (np.round(probability * levels) / levels).astype(np.float32)
    target = truth.astype(np.uint8)
    if unknown:
        target[:, :6] = 255
    return Answer(probability, probability >= 0.4, target)


def of_masks(found, truth):
    """A mask that is sure, and a label without gaps."""
    found, truth = np.asarray(found, bool), np.asarray(truth, bool)
    return Answer(found.astype(np.float32), found, truth.astype(np.uint8))


def blank(shape=(40, 60)):
    return np.zeros(shape, bool)


def line(row, *, start=0, stop=60, width=1, shape=(40, 60)):
    """A level band: rows from ``row`` on."""
    mask = np.zeros(shape, bool)
    mask[row : row + width, start:stop] = True
    return mask


def together(counts):
    """Sums of each field."""
    return type(counts[0])(*(np.sum(field, axis=0) for field in zip(*counts, strict=True)))
