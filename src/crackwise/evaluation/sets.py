"""A predictor, or given predictions, on several sets: to scores, a page, and what a comparison needs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from crackwise.errors import DataError
from crackwise.evaluation.answers.level import Level
from crackwise.evaluation.answers.predictions import Predictions, Source
from crackwise.evaluation.answers.view import ASKED, Question
from crackwise.evaluation.compare.kept import MASKS, SetToKeep, clear_kept, refuse_place, write_kept
from crackwise.evaluation.evaluate import UNKNOWN, Evaluation, evaluate_each
from crackwise.evaluation.leaks import Leaks
from crackwise.evaluation.page import Example, draw_examples, draw_mistakes, render_page
from crackwise.evaluation.record import maker, to_csv, to_json
from crackwise.imaging.files import write_atomically

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.predictor import ModelCard, Predictor

__all__ = ["evaluate_sets"]

NOT_LOOKED_FOR: Mapping[str, Leaks] = MappingProxyType({})


def evaluate_sets(
    predictor: Source,
    sets: Mapping[str, Iterable[Item]],
    out: Path,
    *,
    question: Question = ASKED,
    by_phrase: Predictor | None = None,
    leaks: Mapping[str, Leaks] = NOT_LOOKED_FOR,
    threshold: float | Mapping[str, Level] | None = None,
    seed: int = 0,
) -> dict[str, Evaluation]:
    """Evaluate on every set, named by its reference, and write the files into ``out``.

    ``threshold``: one for all sets, or one for each of them; None takes that of the model's card.

    A set labelled picture by picture is judged so. A question for masks that are opened and closed is answered both
    ways, under a name of its own. ``by_phrase``: the same model, its classes the phrases that the card names; every
    phrase of the class is then scored as well.

    Raises:
        DataError: a set without pictures, or a label that cannot be used.
        ImageError: a picture that cannot be read.
        CrackwiseError: ``out`` cannot be written to, or holds masks that no evaluation left.
    """
    refuse_place(out)
    refuse_own_masks(predictor, out)
    evaluations: dict[str, Evaluation] = {}
    examples: dict[str, list[Example]] = {}
    mistakes: dict[str, list[Example]] = {}

    def answer(answering: Source, reference: str, questions: Mapping[str, Question]) -> None:
        known, asked = leaks.get(reference, UNKNOWN), list(questions.values())
        level = threshold[reference] if isinstance(threshold, Mapping) else threshold
        answers = evaluate_each(answering, sets[reference], asked, threshold=level, leaks=known, seed=seed)
        for name, evaluation in zip(questions, answers, strict=True):
            evaluations[name] = evaluation
            if evaluation.scores:
                examples[name] = draw_examples(evaluation)
            if evaluation.judgements:
                mistakes[name] = draw_mistakes(evaluation)

    for reference in sets:
        answer(predictor, reference, both_ways(reference, question))
        if by_phrase is not None:
            asked = question._replace(class_name=evaluations[reference].question.class_name)
            answer(by_phrase, reference, each_phrase(reference, asked, predictor.card))
    record = to_json(predictor, evaluations, seed=seed)
    files = {
        "scores.json": f"{json.dumps(record, indent=2, ensure_ascii=False)}\n",
        "scores.csv": to_csv(evaluations),
        "report.html": render_page(record, examples, mistakes),
    }
    clear_kept(out)
    for name, text in files.items():
        write_atomically(out / name, text.encode())
    keep(predictor, evaluations, out)
    return evaluations


def refuse_own_masks(source: Source, out: Path) -> None:
    """Predictions must not lie where the new masks go.

    Raises:
        DataError: they do.
    """
    if isinstance(source, Predictions) and source.folder.resolve().is_relative_to((out / MASKS).resolve()):
        raise DataError(f"New masks would take the place of those in {str(source.folder)!r}; choose another --out.")


def keep(source: Source, evaluations: Mapping[str, Evaluation], out: Path) -> None:
    """Leave the counts and masks of the sets that are labelled pixel by pixel."""
    sets = {
        reference: SetToKeep(
            [item.name for item in made.items],
            [item.group for item in made.items],
            made.threshold,
            made.threshold_source,
            made.question.class_name or "",
            made.counts,
            made.masks,
        )
        for reference, made in evaluations.items()
        if made.scores
    }
    write_kept(out, maker(source), source.sha256, sets)


def each_phrase(reference: str, question: Question, card: ModelCard) -> dict[str, Question]:
    """The question of a class by every phrase of it alone, each under its name."""
    assert question.class_name is not None
    named: dict[str, Question] = {}
    for phrase in card.prompts[question.class_name]:
        named |= both_ways(f'{reference}, "{phrase}"', question._replace(phrase=phrase))
    return named


def both_ways(reference: str, question: Question) -> dict[str, Question]:
    """The question as it is, and under a second name with masks opened and closed where it asks for that."""
    plain = {reference: question._replace(open_close=False)}
    opened = {f"{reference}, opened and closed 3x3": question._replace(per_picture=False, families=())}
    return plain | (opened if question.open_close else {})
