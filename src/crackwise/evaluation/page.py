"""An evaluation as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from crackwise.evaluation.card.card import groups
from crackwise.evaluation.card.curves import recall_chart, width_chart
from crackwise.evaluation.drawing import draw_errors, jpeg_source, side_by_side
from crackwise.evaluation.evaluate import Evaluation, look_again
from crackwise.evaluation.metrics import SCORES, scores_of
from crackwise.evaluation.reliability import Bin, reliability_chart
from crackwise.evaluation.trust.record import pixel_chart, risk_chart
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import shrink
from crackwise.report.render import template_of
from crackwise.tally import Tally

__all__ = ["Example", "draw_examples", "draw_mistakes", "render_page"]

EXAMPLES_EACH_END = 3
MISTAKES_OF_EACH_KIND = 4
MISTAKE_PX = 220
PANEL_PX = 440
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


def draw_examples(evaluation: Evaluation) -> list[Example]:
    """The worst pictures of a set, then the best, each as photograph and errors side by side."""
    goodness = goodness_of(evaluation.tallies)
    order = sorted(range(len(goodness)), key=lambda index: goodness[index])
    ends = order[:EXAMPLES_EACH_END] + order[EXAMPLES_EACH_END:][-EXAMPLES_EACH_END:]
    examples = []
    for index in ends:
        item, row = evaluation.items[index], evaluation.tallies[index]
        pixels, target, predicted = look_again(evaluation, index)
        panels = pixels, draw_errors(pixels, target, predicted)
        examples.append(Example(item.name, caption(row), jpeg_source(side_by_side(panels, PANEL_PX))))
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


def render_page(
    record: Mapping[str, Any], examples: Mapping[str, Sequence[Example]], mistakes: Mapping[str, Sequence[Example]]
) -> str:
    """The page of a record as `to_json` makes it."""
    return template_of("crackwise.evaluation", "page.html").render(
        record=record,
        examples=examples,
        mistakes=mistakes,
        main_scores=MAIN_SCORES,
        other_scores=OTHER_SCORES,
        picture_scores=PICTURE_SCORES_SHOWN,
        chart=chart_of,
        pixel_chart=pixel_chart,
        risk_chart=risk_chart,
        groups=groups(),
        shares={name for name, score in SCORES.items() if score.is_share},
        sources=sources,
        recall_chart=recall_chart,
        width_chart=width_chart,
    )


def sources(card: Mapping[str, Any]) -> list[str]:
    """Where the published numbers of a set are from, each once, with what must be known of them."""
    told = (f"{n['source']} ({n['note']})" if n["note"] else n["source"] for ns in card["beside"].values() for n in ns)
    return list(dict.fromkeys(told))


def chart_of(judgement: Mapping[str, Any]) -> Markup:
    """The reliability diagram of one judgement of the record."""
    return reliability_chart([Bin(**each) for each in judgement["reliability"]])
