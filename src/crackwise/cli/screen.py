"""The options of a model that looks first: ``--screen`` and ``--screen-threshold``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from crackwise.predictor import Predictor

__all__ = ["Screen", "ScreenThreshold", "behind", "inside_0_and_1"]


def inside_0_and_1(number: float | None) -> float | None:
    """The number itself, where it is a threshold."""
    if number is not None and not 0 < number < 1:
        raise typer.BadParameter("must lie between 0 and 1")
    return number


Screen = Annotated[
    str | None,
    typer.Option(
        "--screen",
        metavar="MODEL",
        help="A cheap model that looks first; only around what it suspects is segmented.",
    ),
]
ScreenThreshold = Annotated[
    float | None,
    typer.Option(
        "--screen-threshold",
        callback=inside_0_and_1,
        help="A part is suspected from this probability on; default: the screen's own.",
    ),
]


def behind(
    screen: str | None, segmenter: Predictor, threshold: float | None, *, threads: int | None = None
) -> Predictor:
    """The segmenter behind the screen, or itself where there is none."""
    if screen is None:
        if threshold is not None:
            raise typer.BadParameter("goes with --screen", param_hint="--screen-threshold")
        return segmenter
    from crackwise.backends import load_predictor
    from crackwise.cascade import Cascade

    return Cascade(load_predictor(screen, threads=threads), segmenter, threshold)
