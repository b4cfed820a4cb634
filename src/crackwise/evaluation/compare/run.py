"""Results of several evaluations, to ``compare.json``, ``compare.csv``, ``compare.html`` and figures of pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from crackwise.errors import DataError
from crackwise.evaluation.compare.gallery import draw_failures, find_failures
from crackwise.evaluation.compare.kept import folders_of
from crackwise.evaluation.compare.page import Gallery, render_page
from crackwise.evaluation.compare.pairs import Rivals, compare_pairs
from crackwise.evaluation.compare.pictures import Shown, choose, draw_figure, ious_of, items_of, show
from crackwise.evaluation.compare.record import Compared, to_csv, to_json
from crackwise.evaluation.compare.results import Contest, read_contests
from crackwise.evaluation.metrics import SCORES, refuse_unknown
from crackwise.imaging.files import write_atomically

__all__ = ["MAIN_SCORES", "Wanted", "compare_results"]

MAIN_SCORES = ("pooled_crack_iou", "f1@2", "cracked_crack_iou")


class Wanted(NamedTuple):
    """What is shown beside the numbers."""

    pictures: int = 5
    """Per set, in the figure."""
    names: tuple[str, ...] = ()
    """Instead of them: pictures by their whole names, or the last part of these."""
    failures: int = 3
    """Per kind, of each model."""


def compare_results(
    folders: Sequence[Path],
    out: Path,
    *,
    scores: Sequence[str] = MAIN_SCORES,
    root: Path | None = None,
    wanted: Wanted = Wanted(),  # noqa: B008  # frozen
    seed: int = 0,
) -> list[Compared]:
    """Compare what evaluations left in ``folders``, on the sets that all share, and write the files into ``out``.

    Pictures are drawn as far as their set is at hand under ``root``.

    Raises:
        DataError: results that cannot be compared, an unknown score, or a picture that is in none of the sets.
        CrackwiseError: ``out`` cannot be written to.
    """
    refuse_unknown(scores)
    contests, notes = read_contests(folders)
    compared: list[Compared] = []
    figures: dict[str, list[Shown]] = {}
    galleries: dict[str, Gallery] = {}
    for contest in contests:
        items = items_of(contest, root)
        failures = find_failures(contest, items) if items else None
        compared.append(Compared(contest, rivals_of(contest, scores, seed), failures))
        if failures is not None:
            places = named(contest, wanted.names) if wanted.names else choose(ious_of(contest), wanted.pictures)
            figures[contest.reference] = list(show(contest, items, places))
            galleries[contest.reference] = {
                model: draw_failures(contest, items, failures[model], model, wanted.failures)
                for model in contest.models
            }
    if lost := [
        name for name in wanted.names if not any(is_called(row.name, name) for row in chain(*figures.values()))
    ]:
        raise DataError(f"No picture {lost[0]!r} on the sets that are compared and at hand; see --root.")
    record = to_json(compared, notes, seed=seed)
    page = render_page(record, figures, galleries)
    for reference, folder in folders_of(figures).items():
        if figures[reference]:
            write_atomically(out / f"pictures_{folder}.png", draw_figure(figures[reference]))
    write_atomically(out / "compare.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    write_atomically(out / "compare.csv", to_csv(compared).encode())
    write_atomically(out / "compare.html", page.encode())
    return compared


def rivals_of(contest: Contest, scores: Sequence[str], seed: int) -> dict[str, Rivals]:
    """Every score, in the order asked for; those of one family share its draws."""
    families = dict.fromkeys(SCORES[name].family for name in scores)
    found: dict[str, Rivals] = {}
    for family in families:
        of_family = [name for name in scores if SCORES[name].family == family]
        found |= compare_pairs(contest.counts(family), contest.groups, of_family, seed=seed)
    return {name: found[name] for name in scores}


def named(contest: Contest, names: Sequence[str]) -> list[int]:
    """Places of the pictures that are asked for by name, in the order of the names."""
    return [i for name in names for i, whole in enumerate(contest.names) if is_called(whole, name)]


def is_called(whole: str, name: str) -> bool:
    """Whether ``"deepcrack/test/11125-1"`` is meant by a name: itself, or what ends it."""
    return whole == name or whole.endswith(f"/{name}")
