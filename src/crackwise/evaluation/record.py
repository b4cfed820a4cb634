"""Evaluations as JSON and CSV: the same numbers, with everything needed to compare them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

from crackwise.cascade import Cascade
from crackwise.evaluation.answers.predictions import Predictions, Source
from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES, defined
from crackwise.evaluation.card.card import card_record
from crackwise.evaluation.classification import PICTURE_SCORES, WHOLE_PICTURES
from crackwise.evaluation.evaluate import Evaluation, Subset
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.pictures import Judgement
from crackwise.evaluation.reliability import reliability
from crackwise.evaluation.trust.record import trust_record
from crackwise.predictor import Predictor

__all__ = ["SCHEMA", "maker", "model_record", "protocol_record", "to_csv", "to_json"]

SCHEMA = "crackwise.scores/1"
COLUMNS = (
    *("set", "subset", "score", "averaging", "over", "tolerance_px"),
    *("thresholds", "value", "low", "high", "pictures", "photographs", "threshold", "threshold_source"),
)


def maker(source: Source) -> str:
    """Who made the predictions, in words: name and version of a model, or a folder."""
    return str(source.folder) if isinstance(source, Predictions) else f"{source.card.name} {source.card.version}"


def to_json(predictor: Source, evaluations: Mapping[str, Evaluation], *, seed: int) -> dict[str, Any]:
    """The whole record, ready for ``json.dumps``; an undefined number is None."""
    return {
        "schema": SCHEMA,
        "made_by": maker(predictor),
        "model": None if isinstance(predictor, Predictions) else model_record(predictor),
        "predictions": predictor.to_dict() if isinstance(predictor, Predictions) else None,
        "cascade": predictor.models() if isinstance(predictor, Cascade) else None,
        "intervals": {
            "method": "expanded percentile bootstrap, whole photographs drawn with replacement",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": seed,
        },
        "protocols": {name: protocol_record(name) for name in SCORES},
        "picture_protocols": {
            name: {"title": score.title, "over": score.over, "definition": score.definition}
            for name, score in PICTURE_SCORES.items()
        },
        "sets": {
            reference: set_record(evaluation)
            | {"trust": trust_record(evaluation, predictor.card, seed=seed), "card": card_record(reference, evaluation)}
            for reference, evaluation in evaluations.items()
        },
    }


def protocol_record(name: str) -> dict[str, Any]:
    """What a score of the table is."""
    score = SCORES[name]
    return {"title": score.title, **score.protocol._asdict(), "definition": score.definition}


def model_record(predictor: Predictor) -> dict[str, Any]:
    """Which model it was."""
    return {
        "name": predictor.card.name,
        "version": predictor.card.version,
        "sha256": predictor.sha256,
        "runtime": predictor.runtime,
        "precision": predictor.precision,
        "temperature": predictor.card.temperature,
    }


def set_record(evaluation: Evaluation) -> dict[str, Any]:
    """One set of the record."""
    return {
        "class": evaluation.question.class_name,
        "phrase": evaluation.question.phrase,
        "absent": evaluation.question.absent,
        "open_close": evaluation.question.open_close,
        "noise": evaluation.question.noise,
        "noise_seed": evaluation.question.noise_seed if evaluation.question.noise else None,
        "threshold": evaluation.threshold,
        "threshold_source": evaluation.threshold_source,
        "threshold_chosen": evaluation.chosen.to_dict() if evaluation.chosen else None,
        "triage": evaluation.triage.to_dict() if evaluation.triage else None,
        "leaks": {
            "pictures": sorted(evaluation.leaks.names),
            "checked": list(evaluation.leaks.checked),
            "absent": list(evaluation.leaks.absent),
        },
        "subsets": {subset: subset_record(evaluation, subset) for subset in evaluation.scores},
        "judgements": {subset: judgement_record(made) for subset, made in evaluation.judgements.items()},
    }


def subset_record(evaluation: Evaluation, subset: Subset) -> dict[str, Any]:
    """The pictures of a subset, and their scores."""
    scores = evaluation.scores[subset]
    return {
        "pictures": scores["per_image_f1"].pictures,
        "photographs": scores["per_image_f1"].photographs,
        "crack_free_pictures": scores["false_alarm_share"].pictures,
        "scores": {name: estimate.to_dict() for name, estimate in scores.items()},
    }


def judgement_record(judgement: Judgement) -> dict[str, Any]:
    """Pictures judged as wholes: their counts, scores and calibration."""
    counts, whole = judgement.counts, judgement.estimates["accuracy"]
    return {
        "pictures": whole.pictures,
        "photographs": whole.photographs,
        "cracked_pictures": judgement.estimates["recall"].pictures,
        "confusion": {
            name: int(getattr(counts, name))
            for name in ("true_negatives", "false_positives", "false_negatives", "true_positives")
        },
        "scores": {name: estimate.to_dict() for name, estimate in judgement.estimates.items()},
        "undefined": dict(judgement.undefined),
        "reliability": [{key: defined(v) for key, v in each._asdict().items()} for each in reliability(counts)],
    }


def to_csv(evaluations: Mapping[str, Evaluation]) -> str:
    """One row per set, subset and score; an undefined number is an empty cell."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(csv_rows(evaluations))
    return text.getvalue()


def csv_rows(evaluations: Mapping[str, Evaluation]) -> Iterator[tuple[Any, ...]]:
    """The cells under ``COLUMNS``."""
    for reference, evaluation in evaluations.items():
        level = evaluation.threshold, evaluation.threshold_source
        for subset, scores in evaluation.scores.items():
            for name, estimate in scores.items():
                protocol, cells = SCORES[name].protocol, estimate.to_dict().values()
                at = level if protocol.thresholds == "one" else (None, None)
                yield reference, subset, name, *protocol, *cells, *at
        for subset, judgement in evaluation.judgements.items():
            for name, estimate in judgement.estimates.items():
                of_whole = WHOLE_PICTURES, PICTURE_SCORES[name].over, None, None
                yield reference, subset, name, *of_whole, *estimate.to_dict().values(), *level
