"""CrackForest (CFD), five folds: every photograph judged by a network that never saw it.

    python benchmarks/cfd_kfold.py [--out runs/cfd_kfold]

Fine-tunes the packaged model's run on three folds, chooses epoch and threshold on a fourth, scores on the fifth; the
tallies of the five folds are pooled, and intervals drawn over photographs. A stopped benchmark goes on where it was.
CFD is for non-commercial research only: these weights are for the table, not for use.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from crackwise.backends import load_predictor
from crackwise.data.folder import open_items
from crackwise.evaluation.bootstrap import estimate_scores
from crackwise.evaluation.evaluate import evaluate
from crackwise.imaging.files import write_atomically
from crackwise.tally import Tally
from crackwise.training.recipe import Recipe, load_recipe
from crackwise.training.run import train

HERE = Path(__file__).parent
FOLDS = 5
SHOWN = ("pooled_crack_iou", "pooled_f1", "f1@2", "f1@5", "per_image_crack_iou", "area_ratio")


def fold_recipe(recipe: Recipe, fold: int) -> Recipe:
    """The recipe of fold 0 turned to another fold: test i, validation i - 1, training the rest."""
    names = [f"cfd:folds/fold{(fold + i) % FOLDS}" for i in range(FOLDS)]
    data = recipe.data.model_copy(update={"train": tuple(names[1:-1]), "val": (names[-1],), "held_out": (names[0],)})
    return recipe.model_copy(update={"name": f"cfd-fold{fold}", "data": data})


def main() -> None:
    """Train and score every fold, print and write the pooled table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/cfd_kfold"))
    parser.add_argument("--set", action="append", default=[], help="path=value in every fold's recipe")
    options = parser.parse_args()
    recipe = load_recipe(HERE.parent / "recipes" / "cfd_fold0.yaml", options.set)
    tallies: list[Tally] = []
    groups: list[str] = []
    thresholds: list[float] = []
    for fold in range(FOLDS):
        run = options.out / f"fold{fold}"
        if not (run / "card.json").is_file():
            train(fold_recipe(recipe, fold), run)
        predictor = load_predictor(run)
        evaluation = evaluate(predictor, open_items(f"cfd:folds/fold{fold}", Path(recipe.data.root or ".")))
        tallies += evaluation.tallies
        groups += [item.group for item in evaluation.items]
        thresholds.append(evaluation.threshold)
    estimates = estimate_scores(tallies, groups)
    table = {name: dict(zip(("value", "low", "high"), estimates[name][:3], strict=True)) for name in SHOWN}
    record = {
        "protocol": "5-fold, pooled over folds",
        "photographs": len(groups),
        "thresholds": thresholds,
        "scores": table,
    }
    write_atomically(options.out / "scores.json", json.dumps(record, indent=2).encode())
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
