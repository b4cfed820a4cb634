"""Which map of uncertainty tells wrong pixels from right ones?

    python benchmarks/uncertainty.py packaged deepcrack:packaged/val --root ../shared/data [--pictures 12] [--seed 0]

The area under the ROC curve, over the pixels at most 5 px from a true or a predicted crack, of telling those that the
mask has wrong: by the entropy of the photograph's own probabilities, and by what its eight views say together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from crackwise.backends import load_predictor
from crackwise.data.folder import open_items, read_target
from crackwise.data.splits import sample_pictures
from crackwise.imaging.image import read_image
from crackwise.imaging.tiles import predict_tiled
from crackwise.tally import within
from crackwise.trust.uncertainty import entropy_bits, uncertainty

NEAR_PX = 5


def main() -> None:
    """One line per map."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("set")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    predictor = load_predictor(options.model)
    items = sample_pictures(open_items(options.set, options.root), options.pictures, options.seed)
    wrong: list[np.ndarray] = []
    told: dict[str, list[np.ndarray]] = {}
    for item in items:
        pixels = read_image(item.image)
        target = read_target(item, pixels.shape[:2])[0]
        alone = predict_tiled(predictor, pixels)
        views = uncertainty(predictor, pixels)
        mask = alone[0] >= predictor.card.threshold
        counted = within(mask | (target == 1), NEAR_PX) & (target != 255)
        wrong.append((mask != (target == 1))[counted])
        maps = {"entropy of the photograph alone": entropy_bits(alone), "entropy of the views": views.entropy}
        maps |= {"deviation": views.deviation, "mutual information": views.mutual_information}
        for name, values in maps.items():
            told.setdefault(name, []).append(values[0][counted])
    truth = np.concatenate(wrong)
    print(f"{len(items)} pictures, {len(truth):,} pixels near cracks, {truth.mean():.1%} of them wrong")
    for name, values in told.items():
        print(f"{name:<32} AUROC {roc_auc_score(truth, np.concatenate(values)):.3f}")


if __name__ == "__main__":
    main()
