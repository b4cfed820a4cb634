"""From a finished run of ``packaged.yaml`` to the model file inside the package.

    crackwise train recipes/packaged_stage1.yaml --out runs/packaged_stage1
    crackwise train recipes/packaged_stage2.yaml --out runs/packaged_stage2
    crackwise train recipes/packaged.yaml --out runs/packaged
    python recipes/package_model.py runs/packaged

Scores the run on the public tests with the threshold chosen on validation, writes the scores and the terms of the
test sets into its card and the table into README and docs, and exports run and card to
``src/crackwise/packaged/crackwise-small.onnx``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crackwise.backends import load_predictor
from crackwise.backends.export import export
from crackwise.data.folder import open_items
from crackwise.evaluation.bootstrap import Estimate
from crackwise.evaluation.evaluate import evaluate
from crackwise.evaluation.leaks import find_leaks
from crackwise.evaluation.sets import evaluate_sets
from crackwise.imaging.files import write_atomically
from crackwise.predictor import DataTerms, ModelCard, Predictor
from crackwise.training.card import terms_of

HERE = Path(__file__).parent
DATA = HERE.parent / ".." / "shared" / "data"
TESTS = (
    "deepcrack:test",
    "crack500:test",
    "cfd",
    "conglomerate_walls:test",
    "rissbilder:test",
    "volker:test",
    "noncrack_walls:test",
    "cracktree200",
)
LABELS_BESIDE_PX = (2, 2)
"""How far right and down of their cracks the labels of conglomerate_walls lie, measured on its training part."""
MARKS = ("<!-- scores -->", "<!-- end of scores -->")
IN_CARD = {
    "pooled_crack_iou": "crack IoU",
    "pooled_f1": "F1",
    "f1@2": "F1@2",
    "f1@5": "F1@5",
    "area_ratio": "area",
    "false_alarm_share_50px": "alarms",
}


def main(run: Path) -> None:
    """Score, write the card, export."""
    predictor = load_predictor(run)
    sets = {name: open_items(name, DATA) for name in TESTS}
    leaks = {name: find_leaks(items, name, predictor.card, DATA) for name, items in sets.items()}
    evaluations = evaluate_sets(predictor, sets, run / "scores", leaks=leaks)
    beside = evaluate(Moved(predictor, *LABELS_BESIDE_PX), sets["conglomerate_walls:test"])
    for name in ("scores.json", "scores.csv"):  # not the report: it shows photographs of every set
        write_atomically(HERE.parent / "docs" / "models" / "packaged" / name, (run / "scores" / name).read_bytes())
    scores = {
        f"{name}{'' if subset == 'all' else ' without leaking pictures'}": row_of(estimates)
        for name, evaluation in evaluations.items()
        for subset, estimates in evaluation.scores.items()
    }
    scores[f"conglomerate_walls:test, labels moved by -{LABELS_BESIDE_PX[0]} px"] = row_of(beside.scores["all"])
    path = run / "card.json"
    card = ModelCard.model_validate_json(path.read_text())
    trained = tuple(terms for terms in card.data if terms.role != "test")
    tested = tuple(DataTerms(name=name, terms=terms_of(name), role="test") for name in TESTS)
    validated = {name: row for name, row in card.scores.items() if name not in scores}
    path.write_text(
        card.model_copy(update={"data": trained + tested, "scores": validated | scores}).model_dump_json(indent=2)
    )
    exported = export(run, "onnx", HERE.parent / "src" / "crackwise" / "packaged" / "crackwise-small.onnx")
    for page in (HERE.parent / "README.md", HERE.parent / "docs" / "models" / "packaged.md"):
        before, rest = page.read_text().split(MARKS[0])
        page.write_text(f"{before}{MARKS[0]}\n{markdown(scores)}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")
    print(markdown(scores))  # noqa: T201
    print(exported)  # noqa: T201


class Moved:
    """A predictor whose maps are moved right and down: as if the labels had been moved back."""

    def __init__(self, predictor: Predictor, right_px: int, down_px: int) -> None:
        self.predictor, self.by = predictor, (down_px, right_px)
        self.card, self.sha256 = predictor.card, predictor.sha256
        self.runtime, self.precision = predictor.runtime, predictor.precision

    def __call__(self, pixels: NDArray[np.uint8], /) -> NDArray[np.float32]:
        """As the predictor, moved."""
        return np.asarray(np.roll(self.predictor(pixels), self.by, axis=(1, 2)))


def row_of(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """What the card keeps of the scores of a set."""
    defined = {name: estimates[name].value for name in IN_CARD if estimates[name].value == estimates[name].value}
    return {
        "pictures": estimates["per_image_f1"].pictures,
        **{name: round(value, 4) for name, value in defined.items()},
    }


def markdown(scores: dict[str, dict[str, Any]]) -> str:
    """The scores as the table that README and docs show."""
    lines = ["| set | pictures | " + " | ".join(IN_CARD.values()) + " |", "|---|---" + "|---" * len(IN_CARD) + "|"]
    for name, row in scores.items():
        cells = [f"{row[score]:.3f}" if score in row else "" for score in IN_CARD]
        lines.append(f"| {name} | {row['pictures']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
