"""What a model's card gains from validation pictures: a temperature, and the confidence below which a person looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crackwise.data.catalog import DATASETS
from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question, Viewed, scored_class, view
from crackwise.evaluation.leaks import find_leaks
from crackwise.evaluation.pictures import are_of_whole_pictures
from crackwise.evaluation.protocols.calibration import NEAR_PX
from crackwise.evaluation.trust.scaling import (
    count_logits,
    cross_fitted_error,
    error_at,
    fit_temperature,
    folds_of,
    summed,
)
from crackwise.evaluation.trust.selective import RISK, area, kept_risk, level_of_risk, level_of_share, risks_of
from crackwise.predictor import Calibration, DataTerms, ModelCard, Predictor, Review
from crackwise.tally import NOT_LABELLED, tally, within
from crackwise.trust.review import CONFIDENCES, confidence_of
from crackwise.trust.temperature import temper, tempered_threshold

if TYPE_CHECKING:  # the module imports torch, and a model file needs none
    from crackwise.data.folder import Item

__all__ = ["Calibrated", "Chosen", "ReviewRule", "calibrate", "refuse_test_data"]


class ReviewRule(NamedTuple):
    """How the confidence below which a person looks is chosen: by a risk, else by a share."""

    risk: float | None = None
    """As few pictures as leave this mean risk among the others."""
    share: float = 0.1
    """Of the pictures, those of the lowest confidence."""

    def __str__(self) -> str:
        """For the card."""
        if self.risk is None:
            return f"the least confident {100 * self.share:g} % of the validation pictures"
        return f"the largest share of the validation pictures with a mean risk of at most {self.risk:g} is kept"


class Chosen(NamedTuple):
    """The level of confidence, and how the ways to tell one compare on the pictures it was chosen on."""

    review: Review
    areas: Mapping[str, float]
    """Risk-coverage area (AURC) of each row of `CONFIDENCES`; the smallest is the best."""
    risk: float
    """Mean of all pictures."""
    coverage: float
    """Share that is not below the level."""
    kept_risk: float
    """Mean of these; nan where none is."""


class Calibrated(NamedTuple):
    """A card with its temperature and its level, and what was found on the way."""

    card: ModelCard
    temperature: float
    """As fitted; the card's is this times the one it had."""
    chosen: Chosen


def refuse_test_data(card: ModelCard, sets: Mapping[str, Sequence[Item]]) -> None:
    """Keep tests what they are: nothing is fitted on them.

    Raises:
        DataError: a set is a test of the card, kept apart for one, or holds pictures of a test part.
    """
    kept = {*card.kept_apart, *(terms.name for terms in card.data if terms.role == "test")}
    for reference, items in sets.items():
        tested = next((item.name for item in items if item.name.split("/")[1:-1] == ["test"]), None)
        if reference in kept or tested:
            raise DataError(
                f"{reference!r} is test data{f' ({tested})' if tested else ''}: scores on it would no longer be those "
                "of unseen pictures. Name a validation part, or insist with --on-test-data."
            )


def refuse_training_data(card: ModelCard, sets: Mapping[str, Sequence[Item]], root: Path | None) -> None:
    """A model is surer of the pictures that it learnt from than of any others, whatever they are called.

    Raises:
        DataError: a set is one of them, or shows a photograph of them as far as they lie under ``root``.
    """
    learnt = card.model_copy(update={"data": tuple(terms for terms in card.data if terms.role == "train")})
    for reference, items in sets.items():
        met = find_leaks(items, reference, learnt, root).names if learnt.data else ()
        if met or reference in {terms.name for terms in learnt.data}:
            named = f": {min(met)} and {len(met) - 1} more of its {len(items)} pictures" if met else ""
            raise DataError(
                f"The model learnt from {reference!r}{named}, so it is surer there than elsewhere. "
                "Name a validation part."
            )


def calibrate(
    predictor: Predictor,
    sets: Mapping[str, Sequence[Item]],
    *,
    root: Path | None = None,
    class_name: str | None = None,
    rule: ReviewRule = ReviewRule(),  # noqa: B008  (immutable)
    on_test_data: bool = False,
    seed: int = 0,
) -> Calibrated:
    """Fit the temperature and choose the level of confidence on the pictures of all sets together.

    Every picture is predicted twice: confidences are told from tempered maps. ``class_name`` is that of a `Question`,
    ``root`` where the catalogue's sets lie; the seed draws the parts of the cross-fitting.

    Raises:
        DataError: pictures the model learnt from, of a test, or without masks; too few photographs; nothing to fit.
    """
    refuse_training_data(predictor.card, sets, root)
    if not on_test_data:
        refuse_test_data(predictor.card, sets)
    items = [item for of_set in sets.values() for item in of_set]
    if not items or are_of_whole_pictures(items):
        raise DataError("Pixels are calibrated on masks; the sets hold no picture, or labels of whole pictures.")
    asked = Question(class_name)
    question = asked._replace(class_name=scored_class(predictor.card, items[0], asked))
    temperature, found = fit(predictor, items, question, tuple(sets), seed)
    chosen = choose_level(predictor, items, question, temperature, rule, tuple(sets))
    card = with_findings(predictor.card, temperature, found, chosen.review)
    return Calibrated(card if not on_test_data else confessing(card), temperature, chosen)


def fit(
    predictor: Predictor, items: Sequence[Item], question: Question, sets: tuple[str, ...], seed: int
) -> tuple[float, Calibration]:
    """The temperature of all pictures, and the calibration errors of each with that of other photographs."""
    everywhere, near = [], []
    for viewed in seen(predictor, items, question):
        truth, labelled = viewed.target == 1, viewed.target != NOT_LABELLED
        close = labelled & within(truth | (viewed.predicted & labelled), NEAR_PX)
        everywhere.append(count_logits(viewed.probability[labelled], truth[labelled]))
        near.append(count_logits(viewed.probability[close], truth[close]))
    groups = [item.group for item in items]
    temperature, folds = round(fit_temperature(summed(everywhere)), 4), folds_of(groups, seed)
    count = int(folds.max()) + 1
    others = [
        fit_temperature(summed([each for each, fold in zip(everywhere, folds, strict=True) if fold != number]))
        for number in range(count)
    ]
    return temperature, Calibration(
        sets=sets,
        pictures=len(items),
        photographs=len(set(groups)),
        error_before=round(error_at(summed(everywhere), 1), 6),
        error_after=round(cross_fitted_error(everywhere, others, folds), 6),
        near_error_before=round(error_at(summed(near), 1), 6),
        near_error_after=round(cross_fitted_error(near, others, folds), 6),
        method=f"after: {count} parts by photograph, each with the temperature of the others; seed {seed}",
    )


def choose_level(
    predictor: Predictor,
    items: Sequence[Item],
    question: Question,
    temperature: float,
    rule: ReviewRule,
    sets: tuple[str, ...],
) -> Chosen:
    """The confidence of the smallest risk-coverage area, and the level of it that the rule asks for."""
    told, tallies = [], []
    for viewed in seen(predictor, items, question):
        probability = temper(viewed.probability, temperature)
        told.append([confidence_of(probability, viewed.predicted, name) for name in CONFIDENCES])
        tallies.append(tally(viewed.predicted, viewed.target))
    risk = risks_of(tallies)
    labelled = ~np.isnan(risk)
    risk, confidences = risk[labelled], dict(zip(CONFIDENCES, np.array(told)[labelled].T, strict=True))
    areas = {name: float(area(confidence, risk)) for name, confidence in confidences.items()}
    best = min(areas, key=lambda name: areas[name])
    level = (
        level_of_share(confidences[best], rule.share)
        if rule.risk is None
        else level_of_risk(confidences[best], risk, rule.risk)
    )
    coverage, kept = kept_risk(confidences[best], risk, level)
    review = Review(confidence=best, below=level, rule=f"{rule}; risk: {RISK}", sets=sets, pictures=len(risk))
    return Chosen(review, areas, float(risk.mean()), float(coverage), float(kept))


def seen(predictor: Predictor, items: Sequence[Item], question: Question) -> Iterator[Viewed]:
    """Each picture with its map and its label."""
    return (view(predictor, item, predictor.card.threshold, question) for item in items)


def with_findings(card: ModelCard, temperature: float, calibration: Calibration, review: Review) -> ModelCard:
    """The card with all that was found; its threshold is moved so that masks stay, and the sets are among its data."""
    met = {terms.name for terms in card.data if terms.role == "val"}
    new = (DataTerms(name=name, terms=terms_of(name), role="val") for name in calibration.sets if name not in met)
    return card.model_copy(
        update={
            "temperature": round(card.temperature * temperature, 4),
            "threshold": tempered_threshold(card.threshold, temperature),
            "threshold_source": f"{card.threshold_source}; {card.threshold:g} before the logits were divided by "
            f"{temperature:g}".removeprefix("; "),
            "calibration": calibration,
            "review": review,
            "data": (*card.data, *new),
            "kept_apart": tuple(name for name in card.kept_apart if name not in calibration.sets),
        }
    )


def terms_of(reference: str) -> str:
    """The licence of a catalogued set; of a folder nothing is known."""
    row = DATASETS.get(reference.partition(":")[0])
    return row.licence if row else "not stated"


def confessing(card: ModelCard) -> ModelCard:
    """The card with a sentence that test data was used."""
    assert card.calibration is not None
    told = (
        f"Temperature and review level were fitted on {', '.join(card.calibration.sets)}, by the option that allows "
        "test data: calibration there is too good."
    )
    return card.model_copy(update={"leakage": f"{card.leakage} {told}" if card.leakage else told})
