"""What several evaluations left, as far as it may be compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crackwise.errors import DataError
from crackwise.evaluation.answers.view import Question
from crackwise.evaluation.compare.kept import Kept, KeptSet, read_kept
from crackwise.evaluation.metrics import SCORES
from crackwise.evaluation.protocols.score import Counts

__all__ = ["Contest", "read_contests"]

ASKED_OF_PICTURES = ("class", "absent", "noise", "noise_seed")
"""Questions that two results must share: they make other pictures or other labels of the same files."""
ASKED_OF_MODELS = ("phrase", "open_close")
"""Questions that belong to how a model is used; where they differ the page says so."""


@dataclass(frozen=True)
class Contest:
    """Several models on the same pictures of one set."""

    reference: str
    names: tuple[str, ...]
    """Of the pictures that are compared, sorted."""
    groups: tuple[str, ...]
    """The photograph of each."""
    models: Mapping[str, KeptSet]
    """Their pictures in the order of ``names``."""
    sha256: Mapping[str, str]
    """Of each model's file: several results may be of one model."""
    question: Question
    """What all of them were asked: which class, and which noise the pictures were under."""
    left_out: Mapping[str, int]
    """Model to how many pictures it has met; they are left out for all models."""
    notes: tuple[str, ...]
    """What keeps the results from being quite alike."""

    def counts(self, family: str) -> dict[str, list[Counts]]:
        """What each model's pictures count.

        Raises:
            DataError: a result does not hold this family.
        """
        for model, kept in self.models.items():
            if family not in kept.counts:
                needed = ", ".join(name for name, score in SCORES.items() if score.family == family)
                raise DataError(
                    f"The result of {model} on {self.reference!r} has no counts for {needed}; evaluate it again."
                )
        return {model: rows_of(kept.counts[family]) for model, kept in self.models.items()}


def rows_of(counts: Counts) -> list[Counts]:
    """Counts whose fields are (n, ...) as one per picture."""
    kind = type(counts)
    return [kind(*row) for row in zip(*counts, strict=True)]


def read_contests(folders: Sequence[Path]) -> tuple[list[Contest], list[str]]:
    """The sets that all results share, and what is said of those that only some have.

    Raises:
        DataError: fewer than two results, a folder without one, no set that all share, or one on which they do not
            speak of the same pictures, labels or question.
    """
    if len(folders) < 2:
        raise DataError("A comparison needs at least two results; pass the --out folders of `crackwise evaluate`.")
    kept = [read_kept(folder) for folder in folders]
    records = [read_record(folder) for folder in folders]
    names = names_of(kept, folders)
    everywhere = [ref for ref in kept[0].sets if all(ref in each.sets for each in kept)]
    somewhere = dict.fromkeys(ref for each in kept for ref in each.sets if ref not in everywhere)
    if not everywhere:
        raise DataError(f"The results share no set; there are {', '.join(map(repr, somewhere))}.")
    notes = [
        f"{ref} is not compared: only {', '.join(n for n, each in zip(names, kept, strict=True) if ref in each.sets)} "
        "was evaluated on it."
        for ref in somewhere
    ]
    contests = [
        contest_of(
            ref,
            {name: each.sets[ref] for name, each in zip(names, kept, strict=True)},
            {name: record["sets"][ref] for name, record in zip(names, records, strict=True)},
            {name: each.sha256 for name, each in zip(names, kept, strict=True)},
        )
        for ref in everywhere
    ]
    return contests, notes


def read_record(folder: Path) -> dict[str, Any]:
    """The ``scores.json`` of a result.

    Raises:
        DataError: missing or damaged.
    """
    path = folder / "scores.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); pass the --out of a finished `crackwise evaluate`."
        ) from error
    return record


def names_of(kept: Sequence[Kept], folders: Sequence[Path]) -> list[str]:
    """A name for each result: the model's, with the folder's where several are of one model.

    Raises:
        DataError: the same folder twice.
    """
    times = Counter(each.model for each in kept)
    names = [
        each.model if times[each.model] == 1 else f"{each.model} ({folder.name})"
        for each, folder in zip(kept, folders, strict=True)
    ]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"Two results are called {twice[0]!r}; rename one of their folders.")
    return names


def contest_of(
    reference: str,
    sets: Mapping[str, KeptSet],
    records: Mapping[str, Mapping[str, Any]],
    sha256: Mapping[str, str],
) -> Contest:
    """One set, its pictures brought into one order.

    Raises:
        DataError: as `read_contests`.
    """
    first, *others = sets
    ordered = {model: in_order(kept) for model, kept in sets.items()}
    for other in others:
        refuse_others(reference, (first, other), ordered, records)
    known = {model: set(records[model]["leaks"]["pictures"]) for model in sets}
    met = set().union(*known.values())
    unmet = [i for i, name in enumerate(ordered[first].names) if name not in met]
    if not unmet:
        raise DataError(f"No picture of {reference!r} is new to all of {', '.join(sets)}: nothing to compare.")
    models = {model: picked(kept, unmet) for model, kept in ordered.items()}
    record = records[first]
    return Contest(
        reference,
        models[first].names,
        models[first].groups,
        models,
        sha256,
        Question(record["class"], record["absent"], noise=record["noise"], noise_seed=record["noise_seed"] or 0),
        {model: len(names) for model, names in known.items() if names},
        tuple(notes_of(models, records)),
    )


def in_order(kept: KeptSet) -> KeptSet:
    """The pictures sorted by name."""
    return picked(kept, sorted(range(len(kept.names)), key=lambda i: kept.names[i]))


def picked(kept: KeptSet, places: Sequence[int]) -> KeptSet:
    """Some of the pictures."""
    index = list(places)
    return kept._replace(
        names=tuple(kept.names[i] for i in index),
        groups=tuple(kept.groups[i] for i in index),
        masks=tuple(kept.masks[i] for i in index),
        counts={family: type(rows)(*(field[index] for field in rows)) for family, rows in kept.counts.items()},
    )


def refuse_others(
    reference: str,
    pair: tuple[str, str],
    sets: Mapping[str, KeptSet],
    records: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse two results that do not speak of the same pictures, labels and question.

    Raises:
        DataError: what differs.
    """
    (a, b), (one, other) = pair, (sets[pair[0]], sets[pair[1]])
    where = f"{a} and {b} cannot be compared on {reference!r}:"
    if one.names != other.names:
        alone = sorted(set(one.names) ^ set(other.names))
        raise DataError(
            f"{where} {len(one.names)} and {len(other.names)} pictures, {len(alone)} of them in one alone, as "
            f"{alone[0] if alone else one.names[0]!r}; evaluate both on the same pictures."
        )
    if one.groups != other.groups:
        raise DataError(f"{where} they group the pictures into other photographs; evaluate both again.")
    for asked in ASKED_OF_PICTURES:
        if records[a][asked] != records[b][asked]:
            raise DataError(f"{where} {asked} is {records[a][asked]!r} for one, {records[b][asked]!r} for the other.")
    if "mask" not in one.counts or "mask" not in other.counts:
        raise DataError(f"{where} its pictures were judged as wholes, and no masks were counted.")
    differing = [name for name, same in zip(one.names, same_labels(one, other), strict=True) if not same]
    if differing:
        raise DataError(
            f"{where} {len(differing)} labels are not the same, that of {differing[0]} first; evaluate both again."
        )


def same_labels(one: KeptSet, other: KeptSet) -> list[bool]:
    """Whether each picture has as many true and as many labelled pixels in both."""
    a, b = one.counts["mask"], other.counts["mask"]
    true = a.true_positives + a.false_negatives == b.true_positives + b.false_negatives
    rest = a.true_negatives + a.false_positives == b.true_negatives + b.false_positives
    return list(np.logical_and(true, rest).tolist())


def notes_of(sets: Mapping[str, KeptSet], records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What keeps results that may be compared from being quite alike."""
    notes = []
    sources = {model: kept.threshold_source for model, kept in sets.items()}
    if len(set(sources.values())) > 1:
        told = "; ".join(f"{model}: {source}" for model, source in sources.items())
        notes.append(f"Thresholds do not come from the same kind of place ({told}).")
    for asked in ASKED_OF_MODELS:
        answers = {model: records[model][asked] for model in sets}
        if len(set(answers.values())) > 1:
            told = "; ".join(f"{model}: {answer}" for model, answer in answers.items())
            notes.append(f"The models were not asked in the same way: {asked} ({told}).")
    return notes
