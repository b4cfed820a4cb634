"""A predictor, or a folder of predictions, on labelled pictures: scores at one threshold."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from crackwise.cascade import Cascade, Triage
from crackwise.errors import DataError
from crackwise.evaluation.answers.level import Choice, Level, ThresholdSource, level_of
from crackwise.evaluation.answers.predictions import Source
from crackwise.evaluation.answers.view import ASKED, Question, Viewed, made_worse, scored_class, target_of, views
from crackwise.evaluation.bootstrap import Estimate, estimate_scores
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.metrics import FAMILIES
from crackwise.evaluation.pictures import Judgement, Verdict, are_of_whole_pictures, judge
from crackwise.evaluation.protocols.answer import Answer
from crackwise.evaluation.protocols.score import Counts
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import encode_png
from crackwise.tally import Tally

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item

__all__ = ["Evaluation", "Subset", "evaluate", "evaluate_each", "look_again"]

Subset = Literal["all", "unleaked"]
UNKNOWN = Leaks()
CORES = os.cpu_count() or 1
"""Pictures are counted beside each other: nearly all of the time is spent in code that lets other threads run."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One predictor on one set of pictures."""

    items: tuple[Item, ...]
    counts: Mapping[str, tuple[Counts, ...]]
    """By family, one per item."""
    scores: Mapping[Subset, Mapping[str, Estimate]]
    """Over all pictures, and, where some leaked, over the others; keys of the inner mapping as in `SCORES`.

    Empty for a set whose labels are of whole pictures.
    """
    leaks: Leaks
    """Of these items only."""
    threshold: float
    threshold_source: ThresholdSource
    question: Question
    """Its class is named."""
    verdicts: tuple[Verdict, ...] = ()
    """One per item."""
    judgements: Mapping[Subset, Judgement] = field(default_factory=dict)
    """The pictures as wholes; empty where nobody asked and the labels are of pixels."""
    triage: Triage | None = None
    """Of a `Cascade`: what it let through, for all questions that were asked together."""
    chosen: Choice | None = None
    """How the threshold was chosen, where labelled pictures told it."""
    masks: tuple[bytes, ...] = ()
    """One per item: the predicted mask at the threshold as PNG, 0 and 255."""

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """The counts of the masks, one per item."""
        return cast(tuple[Tally, ...], self.counts["mask"])


class Look(NamedTuple):
    """What is kept of one picture that was looked at."""

    counts: dict[str, Counts]
    """By family."""
    verdict: Verdict
    mask: bytes
    """PNG."""


def evaluate(
    predictor: Source,
    items: Iterable[Item],
    *,
    question: Question = ASKED,
    threshold: float | Level | None = None,
    leaks: Leaks = UNKNOWN,
    seed: int = 0,
) -> Evaluation:
    """Scores with intervals over the pictures, of one question: see `evaluate_each`."""
    (evaluation,) = evaluate_each(predictor, items, (question,), threshold=threshold, leaks=leaks, seed=seed)
    return evaluation


def evaluate_each(
    predictor: Source,
    items: Iterable[Item],
    questions: Sequence[Question],
    *,
    threshold: float | Level | None = None,
    leaks: Leaks = UNKNOWN,
    seed: int = 0,
) -> tuple[Evaluation, ...]:
    """Scores with intervals over the pictures for every question; each picture is read and, per noise, looked at once.

    The threshold is the card's unless one is given; it is never chosen here (see `choose_threshold`). Where ``leaks``
    names some of the pictures, the scores without them come as a second subset. ``seed`` draws the intervals.

    Raises:
        DataError: no picture, a label that cannot be used, or an unknown noise.
        ImageError: a picture that cannot be read; scores over the rest would be those of another set.
        ModelError: the model does not know the class that is asked for.
    """
    level = level_of(predictor, threshold)
    predictor = predictor.afresh() if isinstance(predictor, Cascade) else predictor
    seen: list[Item] = []
    looks: list[list[Future[Look]]] = [[] for _ in questions]
    with ThreadPoolExecutor(CORES) as pool:
        for item in items:
            if not seen:
                questions = [q._replace(class_name=scored_class(predictor.card, item, q)) for q in questions]
            found = views(predictor, item, level.threshold, questions)
            for question, answers, viewed in zip(questions, looks, found, strict=True):
                answers.append(pool.submit(look_at, viewed, question.families))
                answers[-1 - min(CORES, len(seen))].result()  # so that few pictures wait in memory
            seen.append(item)
    if not seen:
        raise DataError("There is no picture to evaluate on.")
    leaks = leaks._replace(names=leaks.names & {item.name for item in seen})
    triage = predictor.triage if isinstance(predictor, Cascade) else None
    return tuple(
        replace(conclude(seen, [each.result() for each in answers], question, leaks, level, seed), triage=triage)
        for answers, question in zip(looks, questions, strict=True)
    )


def conclude(
    seen: Sequence[Item], looks: Sequence[Look], question: Question, leaks: Leaks, level: Level, seed: int
) -> Evaluation:
    """What the looks at all pictures say to one question.

    Raises:
        DataError: no label speaks of the class, or masks are to be opened and closed that nobody can score.
    """
    if all(look.verdict.label is None for look in looks):
        raise DataError(
            f"No picture of the set that begins with {seen[0].name!r} is labelled for {question.class_name!r}: "
            "nothing to score. Ask for another --class, or, where the set shows none of it, add --absent."
        )
    whole = are_of_whole_pictures(seen) and not question.absent
    if whole and question.open_close:
        raise DataError(f"The labels of {seen[0].name!r} are of whole pictures; leave out --open-close.")
    scores: dict[Subset, Mapping[str, Estimate]] = {}
    judgements: dict[Subset, Judgement] = {}
    for subset, kept in subsets(seen, leaks).items():
        groups = [seen[i].group for i in kept]
        if not whole:
            scores[subset] = {
                name: estimate
                for family in looks[0].counts
                for name, estimate in estimate_scores(
                    [looks[i].counts[family] for i in kept], groups, family=family, seed=seed
                ).items()
            }
        if whole or question.per_picture:
            told = [looks[i].verdict for i in kept]
            judgements[subset] = judge(told, groups, threshold=level.threshold, seed=seed)
    counts = {family: tuple(look.counts[family] for look in looks) for family in looks[0].counts}
    verdicts = tuple(look.verdict for look in looks)
    return Evaluation(
        tuple(seen), counts, scores, leaks, level.threshold, level.source, question, verdicts, judgements,
        chosen=level.chosen, masks=tuple(look.mask for look in looks),
    )  # fmt: skip


def look_at(viewed: Viewed, families: Sequence[str]) -> Look:
    """What is kept of one picture."""
    return Look(count(viewed, families), viewed.verdict, encode_png(viewed.predicted * np.uint8(255)))


def count(viewed: Viewed, families: Sequence[str]) -> dict[str, Counts]:
    """What one picture contributes to the scores of each family."""
    answer = Answer(viewed.probability, viewed.predicted, viewed.target)
    return {family: FAMILIES[family](answer) for family in dict.fromkeys(("mask", *families))}


def subsets(seen: Sequence[Item], leaks: Leaks) -> dict[Subset, list[int]]:
    """Which pictures count: all, and, where some leak, the others."""
    kept: dict[Subset, list[int]] = {"all": list(range(len(seen)))}
    if leaks.names:
        kept["unleaked"] = [index for index, item in enumerate(seen) if item.name not in leaks.names]
    return kept


def look_again(evaluation: Evaluation, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """A picture (h, w, 3) as it was seen, its label (h, w) and the mask (h, w) that was predicted; nobody predicts."""
    item, question = evaluation.items[index], evaluation.question
    photo = read_image(item.image)
    pixels = made_worse(photo, item, question.noise, question.noise_seed)
    mask = cv2.imdecode(np.frombuffer(evaluation.masks[index], np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    return pixels, target_of(item, question, photo.shape[:2]), mask > 0
