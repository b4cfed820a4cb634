"""Every method on every picture, judged: curves, place, repeats, and what random weights change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crackwise.data.folder import Item, read_target
from crackwise.errors import DataError
from crackwise.evaluation.bootstrap import Estimate, draw_photographs, interval
from crackwise.explain.faithfulness.curves import Curves, area, curves_of
from crackwise.explain.faithfulness.place import energy, overlap, points, rank_correlation
from crackwise.explain.faithfulness.randomise import STAGES, forgetful
from crackwise.explain.features import baseline_of
from crackwise.explain.heat import Heat, Options
from crackwise.explain.question import Question, ask_whole, score_of
from crackwise.explain.subject import Subject
from crackwise.explain.table import EXPLAINERS, explainer_of
from crackwise.imaging.image import read_image

__all__ = ["FAITHFULNESS", "Conditions", "Judgement", "Measure", "estimate", "fitting", "judge"]


class Measure(NamedTuple):
    """One number of faithfulness."""

    title: str
    better: Literal["high", "low"]
    definition: str


FAITHFULNESS: Mapping[str, Measure] = {
    "deletion": Measure("deletion AUC", "low", "area under the answer as the most important pixels go first"),
    "insertion": Measure("insertion AUC", "high", "area under the answer as the most important pixels come first"),
    "points": Measure("pointing", "high", "share of pictures whose greatest value lies within 15 px of the crack"),
    "energy": Measure("energy", "high", "share of the positive values that lies on the labelled crack"),
    "overlap": Measure("IoU at .5", "high", "IoU of the labelled crack and the map from half of its span on"),
    "repeats": Measure(
        "repeats", "high", "rank correlation of the maps of two seeds; undefined where nothing is drawn"
    ),
    "forgetting": Measure(
        "random weights", "low", "rank correlation with the map of the network, all weights shuffled"
    ),
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all methods are judged under."""

    options: Options = field(default_factory=Options)
    steps: int = 10
    """Of the curves."""
    forgotten: int = 4
    """On how many of the pictures weights are made random."""
    seed: int = 0


class Judgement(NamedTuple):
    """One method on one picture by one model."""

    model: str
    method: str
    picture: str
    group: str
    """The photograph it was cut from."""
    scores: Mapping[str, float]
    """By ``FAITHFULNESS``; nan where undefined."""
    curves: Curves
    stages: tuple[float, ...]
    """The rank correlation at each of ``STAGES``; nan where it was not asked."""


def fitting(subject: Subject, methods: Sequence[str]) -> list[str]:
    """The methods that say something of this model."""
    rows = {name: explainer_of(name) for name in methods}
    return [
        name
        for name, row in rows.items()
        if not (row.of_pixels_only and subject.answers_pictures) and not (row.needs_network and subject.net is None)
    ]


def judge(
    subject: Subject,
    items: Sequence[Item],
    methods: Sequence[str],
    conditions: Conditions,
    *,
    told: Callable[[str], None] = lambda _: None,
) -> list[Judgement]:
    """Every method that fits the model, on every picture in which it predicts a crack.

    Raises:
        DataError: there is no such picture, or a label cannot be used.
        CrackwiseError: as the explainers.
    """
    judgements: list[Judgement] = []
    left = conditions.forgotten if subject.net is not None else 0
    for item in items:
        question = ask_predicted(subject, read_image(item.image))
        if question is None:
            told(f"{item.name}, {subject.name}: no crack predicted, left out")
            continue
        judgements += judge_picture(subject, item, question, fitting(subject, methods), conditions, forget=left > 0)
        left -= 1
        told(f"{item.name}, {subject.name}")
    if not judgements:
        raise DataError(f"{subject.name!r} predicts no crack in any of {len(items)} pictures: nothing to judge.")
    return judgements


def ask_predicted(subject: Subject, pixels: NDArray[np.uint8]) -> Question | None:
    """The question over all that is predicted crack, by a classifier the whole picture; None where nothing is."""
    whole = ask_whole(subject, pixels)
    predicted = subject.predictor(pixels)[whole.class_index] >= subject.predictor.card.threshold
    if not predicted.any():
        return None
    return whole._replace(region=np.broadcast_to(predicted, whole.region.shape), about="what is predicted")


def judge_picture(
    subject: Subject, item: Item, question: Question, methods: Sequence[str], conditions: Conditions, *, forget: bool
) -> list[Judgement]:
    """Every method on one picture."""
    heats = {name: first_map(subject, question, name, conditions.options) for name in methods}
    stages = forgotten(subject, question, heats, conditions) if forget else {}
    target = read_target(item, question.pixels.shape[:2], (subject.predictor.card.classes[question.class_index],))[0]
    mask, known = target == 1, target != 255
    baseline = baseline_of(conditions.options.baseline, question.pixels)
    judgements = []
    for name, heat in heats.items():
        curves = curves_of(
            lambda pixels: score_of(subject, pixels, question, conditions.options.scalar),
            question.pixels,
            baseline,
            heat.values,
            steps=conditions.steps,
            seed=conditions.seed,
        )
        of_stages = stages.get(name, (math.nan,) * len(STAGES))
        scores = {
            "deletion": area(curves.deletion),
            "insertion": area(curves.insertion),
            "points": points(heat.values, mask),
            "energy": energy(heat.values, mask, known) if mask.any() else math.nan,
            "overlap": overlap(heat.values, mask, known) if mask.any() else math.nan,
            "repeats": repeated(subject, question, name, heat, conditions.options),
            "forgetting": of_stages[-1],
        }
        judgements.append(Judgement(subject.name, name, item.name, item.group, scores, curves, of_stages))
    return judgements


def first_map(subject: Subject, question: Question, method: str, options: Options) -> Heat:
    """The map of a method that is judged."""
    row = EXPLAINERS[method]
    asked = question if row.over_region else ask_whole(subject, question.pixels)
    return row.explain(subject, asked, options)[0]


def repeated(subject: Subject, question: Question, method: str, heat: Heat, options: Options) -> float:
    """How much a drawn map is like that of the next seed."""
    if not EXPLAINERS[method].is_drawn:
        return math.nan
    again = first_map(subject, question, method, replace(options, seed=options.seed + 1))
    return rank_correlation(heat.values, again.values)


def forgotten(
    subject: Subject, question: Question, heats: Mapping[str, Heat], conditions: Conditions
) -> dict[str, tuple[float, ...]]:
    """How much each map is like those of the network with ever more random weights; M is kept."""
    found: dict[str, list[float]] = {name: [] for name in heats}
    for share, random in forgetful(subject, conditions.seed):
        for name, heat in heats.items():
            asked = share == STAGES[-1] or not EXPLAINERS[name].is_drawn
            other = first_map(random, question, name, conditions.options) if asked else None
            found[name].append(math.nan if other is None else rank_correlation(heat.values, other.values))
    return {name: tuple(values) for name, values in found.items()}


def estimate(values: Sequence[float], groups: Sequence[str], *, seed: int = 0) -> Estimate:
    """The mean over pictures where it is defined, its interval from resampled photographs."""
    known = ~np.isnan(values)
    if not known.any():
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    kept = np.asarray(values, np.float64)[known]
    photographs, index = np.unique(np.asarray(groups)[known], return_inverse=True)
    sums, counts = np.bincount(index, kept), np.bincount(index).astype(np.float64)
    draws = np.concatenate([(n @ sums) / (n @ counts) for n in draw_photographs(len(photographs), seed)])
    mean = float(kept.mean())
    low, high = interval(mean, draws, len(photographs), is_share=False)
    return Estimate(mean, low, high, len(kept), len(photographs))
