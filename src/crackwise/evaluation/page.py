"""An evaluation as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from crackwise.evaluation.evaluate import Evaluation, Viewed, view
from crackwise.evaluation.metrics import scores_of
from crackwise.evaluation.reliability import Bin, reliability_chart
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import shrink
from crackwise.tally import Tally

if TYPE_CHECKING:
    from crackwise.predictor import Predictor

__all__ = ["Example", "draw_examples", "draw_mistakes", "render_page"]

EXAMPLES_EACH_END = 3
MISTAKES_OF_EACH_KIND = 4
MISTAKE_PX = 220
PANEL_PX = 300
TRUTH_RGB = (0, 158, 115)
PREDICTED_RGB = (213, 94, 0)
UNKNOWN_RGB = (128, 128, 128)
MAIN_SCORES = ("pooled_crack_iou", "f1@2", "f1@5", "pooled_precision", "pooled_recall", "area_ratio")
OTHER_SCORES = (
    *("per_image_crack_iou", "per_image_f1", "cracked_crack_iou"),
    *("false_alarm_share", "false_alarm_share_50px", "false_alarm_px_per_megapixel"),
)
PICTURE_SCORES_SHOWN = (
    *("accuracy", "f1", "precision", "recall", "auroc", "average_precision"),
    *("calibration_error", "brier"),
)


class Example(NamedTuple):
    """One picture of a set, drawn."""

    name: str
    caption: str
    source: str
    """A ``data:`` address that holds the JPEG."""


def draw_examples(predictor: Predictor, evaluation: Evaluation) -> list[Example]:
    """The worst pictures of a set, then the best, each as photograph, label and prediction side by side."""
    goodness = goodness_of(evaluation.tallies)
    order = sorted(range(len(goodness)), key=lambda index: goodness[index])
    ends = order[:EXAMPLES_EACH_END] + order[EXAMPLES_EACH_END:][-EXAMPLES_EACH_END:]
    examples = []
    for index in ends:
        item, row = evaluation.items[index], evaluation.tallies[index]
        viewed = view(predictor, item, evaluation.threshold, evaluation.question)
        examples.append(Example(item.name, caption(row), jpeg_source(side_by_side(viewed))))
    return examples


def draw_mistakes(evaluation: Evaluation) -> list[Example]:
    """The pictures judged most wrongly: cracked ones of the lowest scores, crack-free ones of the highest."""
    scores = np.array([verdict.score for verdict in evaluation.verdicts], np.float32)
    labels = [verdict.label for verdict in evaluation.verdicts]
    found, order = scores >= evaluation.threshold, np.argsort(scores, kind="stable").tolist()
    missed = [i for i in order if labels[i] == 1 and not found[i]]
    alarms = [i for i in reversed(order) if labels[i] == 0 and found[i]]
    return [
        Example(
            evaluation.items[i].name,
            f"{'cracked' if labels[i] else 'crack-free'}, score {scores[i]:.3f}",
            jpeg_source(shrink(read_image(evaluation.items[i].image), MISTAKE_PX)),
        )
        for i in (*missed[:MISTAKES_OF_EACH_KIND], *alarms[:MISTAKES_OF_EACH_KIND])
    ]


def goodness_of(tallies: Sequence[Tally]) -> list[tuple[float, float]]:
    """How well each picture went, to be sorted by: F1 within 2 px, then the fewest false pixels."""
    together = Tally(*np.array(tallies).T)
    f1 = scores_of(together)["f1@2"]
    silent = together.crack_free - together.alarms
    first = np.where(together.cracked > 0, f1, silent)
    return list(zip(first.tolist(), (-together.false_positives).tolist(), strict=True))


def caption(row: Tally) -> str:
    """What the numbers say of one picture."""
    if row.cracked:
        scores = scores_of(row)
        return f"F1 within 2 px {scores['f1@2']:.2f}, crack IoU {scores['pooled_crack_iou']:.2f}"
    return f"no crack; {row.crack_free_predicted_px:.0f} px predicted"


def side_by_side(viewed: Viewed) -> NDArray[np.uint8]:
    """Photograph, label and prediction, small, RGB."""
    truth = tinted(tinted(viewed.pixels, viewed.target == 1, TRUTH_RGB), viewed.target == 255, UNKNOWN_RGB)
    panels = [viewed.pixels, truth, tinted(viewed.pixels, viewed.predicted, PREDICTED_RGB)]
    height, width = viewed.target.shape
    scale = min(1.0, PANEL_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    gap = np.full((size[1], 4, 3), 255, np.uint8)
    first, *rest = [cv2.resize(panel, size, interpolation=cv2.INTER_AREA) for panel in panels]
    return np.hstack([first, *(part for panel in rest for part in (gap, panel))]).astype(np.uint8)


def tinted(pixels: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The picture with a mask painted over it."""
    painted = pixels.copy()
    painted[mask] = colour
    return painted


def jpeg_source(pixels: NDArray[np.uint8]) -> str:
    """An RGB picture as the address of an ``img`` element."""
    _, content = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    return f"data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}"


def render_page(
    record: Mapping[str, Any], examples: Mapping[str, Sequence[Example]], mistakes: Mapping[str, Sequence[Example]]
) -> str:
    """The page of a record as `to_json` makes it."""
    environment = Environment(
        loader=PackageLoader("crackwise.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        record=record,
        examples=examples,
        mistakes=mistakes,
        main_scores=MAIN_SCORES,
        other_scores=OTHER_SCORES,
        picture_scores=PICTURE_SCORES_SHOWN,
        chart=chart_of,
    )


def chart_of(judgement: Mapping[str, Any]) -> Markup:
    """The reliability diagram of one judgement of the record."""
    return reliability_chart([Bin(**each) for each in judgement["reliability"]])
