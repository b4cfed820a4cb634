"""What an evaluation says of probabilities and of confidence: numbers for the record, and their plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from markupsafe import Markup

from crackwise.evaluation.bootstrap import DIGITS, Estimate, defined, draw_photographs, interval
from crackwise.evaluation.protocols.calibration import BINS, CalibrationCounts, region
from crackwise.evaluation.protocols.review import ReviewCounts
from crackwise.evaluation.protocols.score import ratio
from crackwise.evaluation.reliability import Bin, reliability_chart
from crackwise.evaluation.trust.selective import RISK, area, excess_area, kept_risk, risk_coverage, risks_of
from crackwise.predictor import ModelCard
from crackwise.tally import FloatArray
from crackwise.trust.review import CONFIDENCES

if TYPE_CHECKING:
    from crackwise.evaluation.evaluate import Evaluation

__all__ = ["pixel_chart", "risk_chart", "trust_record"]

MOST_POINTS = 100
"""Of a curve in the record."""
USUAL = "expected_dice"
"""How confidence is told where the card names no way."""


def trust_record(evaluation: Evaluation, card: ModelCard, *, seed: int) -> dict[str, Any] | None:
    """By subset the bins of the reliability diagrams of pixels, and risk against coverage; None where nobody asked."""
    if not {"calibration", "review"} <= evaluation.counts.keys():
        return None
    place = {item.name: i for i, item in enumerate(evaluation.items)}
    found: dict[str, Any] = {}
    for subset in evaluation.scores:
        names = [name for name in place if subset == "all" or name not in evaluation.leaks.names]
        kept = [place[name] for name in names]
        if not kept:  # all of them leak
            continue
        counts = [cast(CalibrationCounts, evaluation.counts["calibration"][i]) for i in kept]
        found[subset] = {
            "reliability": {"all": bins_of(counts, near=False), "near": bins_of(counts, near=True)},
            "review": review_record(evaluation, kept, card, seed),
        }
    return found


def bins_of(counts: Sequence[CalibrationCounts], *, near: bool) -> list[dict[str, float | int | None]]:
    """The bins of a reliability diagram of pixels, from low probabilities to high."""
    parts = [region(each, near=near) for each in counts]
    pixels, probability, cracks = (np.sum([part[field] for part in parts], axis=0) for field in range(3))
    mean, share = ratio(probability, pixels), ratio(cracks, pixels)
    return [
        {
            "low": round(i / BINS, DIGITS),
            "high": round((i + 1) / BINS, DIGITS),
            "pixels": int(pixels[i]),
            "mean_probability": defined(mean[i]),
            "crack_share": defined(share[i]),
        }
        for i in range(BINS)
    ]


def review_record(evaluation: Evaluation, kept: Sequence[int], card: ModelCard, seed: int) -> dict[str, Any] | None:
    """Risk and coverage of some of the pictures, at the card's level too where it has one; None without a label."""
    risk = risks_of([evaluation.tallies[i] for i in kept])
    told = np.array([cast(ReviewCounts, evaluation.counts["review"][i]).confidence for i in kept])
    labelled = ~np.isnan(risk)
    if not labelled.any():
        return None
    groups = [evaluation.items[i].group for i in np.array(kept)[labelled]]
    risk, told = risk[labelled], told[labelled]
    name, below = (card.review.confidence, card.review.below) if card.review else (USUAL, None)
    confidence = told[:, list(CONFIDENCES).index(name)]
    curve = risk_coverage(confidence, risk)
    some = np.unique(np.linspace(0, len(curve.level) - 1, MOST_POINTS).round().astype(int))
    return {
        "confidence": name,
        "below": below,
        "risk": RISK,
        "pictures": len(risk),
        "scores": estimates(confidence, risk, below, groups, seed),
        "areas": {way: defined(float(area(told[:, i], risk))) for i, way in enumerate(CONFIDENCES)},
        "curve": [[defined(curve.coverage[i]), defined(curve.risk[i])] for i in some],
        "best_curve": [[defined(x), defined(y)] for x, y in zip(*risk_coverage(-risk, risk)[1:], strict=True)],
    }


def estimates(
    confidence: FloatArray, risk: FloatArray, below: float | None, groups: Sequence[str], seed: int
) -> dict[str, dict[str, Any]]:
    """The numbers of the curve with their intervals over photographs."""

    def of(times: FloatArray) -> dict[str, FloatArray]:
        mean = ratio((times * risk).sum(-1), times.sum(-1))
        found = {"mean_risk": mean, "aurc": area(confidence, risk, times)}
        found["excess_aurc"] = excess_area(confidence, risk, times)
        if below is not None:
            found["coverage"], found["kept_risk"] = kept_risk(confidence, risk, below, times)
        return found

    photographs, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    values = of(np.ones(len(risk)))
    draws = [of(times[:, index]) for times in draw_photographs(len(photographs), seed)]
    record = {}
    for name, value in values.items():
        resampled = np.concatenate([draw[name] for draw in draws])
        is_share = name in ("mean_risk", "coverage")
        ends = interval(float(value), resampled, len(photographs), is_share=is_share)
        estimate = Estimate(float(value), *ends, len(risk), len(photographs))
        record[name] = estimate.to_dict()
    return record


def pixel_chart(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """The reliability diagram of the record's bins of pixels."""
    nothing = float("nan")
    told = [
        Bin(
            *(each["low"], each["high"], each["pixels"]),
            *(nothing if each[key] is None else each[key] for key in ("mean_probability", "crack_share")),
        )
        for each in bins
    ]
    return reliability_chart(told, "pixels")


def risk_chart(review: Mapping[str, Any]) -> Markup:
    """Selective risk against coverage, between that of the best order and that of none."""
    from crackwise.report.plot import INK, SERIES, new_figure, to_svg  # matplotlib takes a while

    figure, axes = new_figure(5.6, 3.8)
    for key, colour, style, title in (
        ("curve", SERIES[0], "-", f"by {review['confidence'].replace('_', ' ')}"),
        ("best_curve", SERIES[2], "--", "the best order there is"),
    ):
        coverage, risk = zip(*review[key], strict=True)
        axes.plot(coverage, risk, style, color=colour, label=title, drawstyle="default")
    mean = review["scores"]["mean_risk"]["value"]
    axes.axhline(mean, color=SERIES[6], linestyle=":", label="without an order")
    point = review["scores"].get("kept_risk")
    if point and point["value"] is not None:
        at = review["scores"]["coverage"]["value"]
        axes.plot([at], [point["value"]], "o", color=INK, label="kept at the card's level")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: share of the pictures, the surest first")
    axes.set_ylabel("mean risk of these")
    axes.legend(frameon=False, labelcolor=INK)
    return to_svg(figure, "Selective risk against coverage")
