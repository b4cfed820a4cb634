"""An evaluation on the screen: how far it is, and the main scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.table import Table

if TYPE_CHECKING:
    from crackwise.data.folder import Item
    from crackwise.evaluation.bootstrap import Estimate
    from crackwise.evaluation.evaluate import Evaluation, Subset

    Row = tuple[str, Subset, int, Mapping[str, Estimate]]

__all__ = ["FILE_COLUMNS", "Tracked", "print_summaries", "progress_bar", "short", "watched"]

T = TypeVar("T")

SHOWN = {
    "pooled_crack_iou": "crack IoU",
    "f1@2": "F1@2",
    "f1@5": "F1@5",
    "area_ratio": "area",
    "false_alarm_share_50px": "alarms",
}
CAPTION = (
    "n pictures; pooled crack IoU, F1 within 2 and 5 px, predicted / labelled area; alarms: share of the crack-free "
    "pictures with a component of 50 px or more. Below each number its 95 % interval by photograph."
)
SHOWN_OF_PICTURES = {
    "accuracy": "accuracy",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "auroc": "AUROC",
    "calibration_error": "ECE",
}
CAPTION_OF_PICTURES = (
    "n pictures judged as wholes, cracked where the highest probability reaches the threshold; ECE: calibration error. "
    "Below each number its 95 % interval by photograph."
)
FILE_COLUMNS = 120
"""Width of the table where there is no terminal to ask."""


@dataclass(frozen=True)
class Tracked:
    """Pictures that move a bar whenever they are gone through."""

    items: Sequence[Item]
    progress: Progress
    title: str

    def __iter__(self) -> Iterator[Item]:
        """One picture after the other."""
        return iter(self.progress.track(self.items, len(self.items), description=self.title))


def progress_bar() -> Progress:
    """Of one set after the other, on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def watched(things: Iterable[T], title: str, total: int) -> Iterable[T]:
    """The same one by one, with a bar on the error stream where that is a terminal: output can be piped."""
    console = Console(stderr=True)
    return track(things, title, total=total, console=console, transient=True, disable=not console.is_terminal)


def print_summaries(evaluations: dict[str, Evaluation]) -> None:
    """The main scores on the screen."""
    console = Console(width=None if Console().is_terminal else FILE_COLUMNS)
    for table in summaries(evaluations):
        console.print(table, end="\n\n")


def summaries(evaluations: dict[str, Evaluation]) -> Iterator[Table]:
    """The main scores, a row per set and subset: of pixels, and of pictures, as far as there are any."""
    of_pixels = [
        (reference, subset, scores["per_image_f1"].pictures, scores)
        for reference, evaluation in evaluations.items()
        for subset, scores in evaluation.scores.items()
    ]
    of_pictures = [
        (reference, subset, judgement.estimates["accuracy"].pictures, judgement.estimates)
        for reference, evaluation in evaluations.items()
        for subset, judgement in evaluation.judgements.items()
    ]
    if of_pixels:
        yield summary(of_pixels, SHOWN, CAPTION)
    if of_pictures:
        yield summary(of_pictures, SHOWN_OF_PICTURES, CAPTION_OF_PICTURES)


def summary(rows: Sequence[Row], shown: dict[str, str], caption: str) -> Table:
    """A table of scores."""
    table = Table(box=None, padding=(0, 2, 0, 0), caption=caption, caption_justify="left")
    table.add_column("set", overflow="fold", min_width=16)
    table.add_column("n", justify="right", no_wrap=True)
    for title in shown.values():
        table.add_column(title, justify="right", no_wrap=True)
    for reference, subset, pictures, scores in rows:
        name = reference if subset == "all" else "  without the leaking ones"
        table.add_row(name, str(pictures), *(cell(scores[score]) for score in shown))
    return table


def cell(estimate: Estimate) -> str:
    """A number over its interval."""
    if math.isnan(estimate.value):
        return "-"
    ends = "" if math.isnan(estimate.low) else f"\n{short(estimate.low)}-{short(estimate.high)}"
    return f"{short(estimate.value)}{ends}"


def short(value: float) -> str:
    """``".713"``, ``"1.000"``: seven columns have to fit into 80 characters."""
    return f"{value:.3f}".removeprefix("0") if value < 10 else f"{value:.1f}"
