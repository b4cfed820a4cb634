"""The command `calibrate`: probabilities that can be taken at their word, and a mark on what a person should see."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crackwise.cli.evaluate import Root
from crackwise.cli.screen import inside_0_and_1
from crackwise.errors import needs_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crackwise.evaluation.trust.calibrate import Calibrated

__all__ = ["register"]

ReviewRisk = Annotated[
    float | None,
    typer.Option("--review-risk", callback=inside_0_and_1, help="Mark as few as leave this mean risk instead."),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(calibrate)


def calibrate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run folder, a model file, or `packaged`.")],
    data: Annotated[
        list[str],
        typer.Option("--data", metavar="SET[:SPLIT]", help="Validation pictures with masks; repeatable."),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="NEW", help="The copy to write: a folder, or a file of its kind.")
    ],
    root: Root = None,
    review_share: Annotated[
        float, typer.Option("--review-share", callback=inside_0_and_1, help="Mark so many, the least confident.")
    ] = 0.1,
    review_risk: ReviewRisk = None,
    most: Annotated[int | None, typer.Option("--most", min=2, help="Pictures of each set, drawn by the seed.")] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="What is calibrated; default: crack, or what the set labels.")
    ] = None,
    on_test_data: Annotated[
        bool, typer.Option("--on-test-data", help="Fit on test data; the card will say so for ever.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the parts that judge the fit, and of --most.")] = 0,
) -> None:
    """Fit a temperature on validation pictures, choose what needs review, and write a copy of the model that knows."""
    from crackwise.backends import load_predictor, source_path
    from crackwise.backends.recard import copy_with_card, refuse_place
    from crackwise.data.splits import sample_pictures
    from crackwise.evaluation.trust.calibrate import ReviewRule
    from crackwise.evaluation.trust.calibrate import calibrate as fit

    with needs_extra("lab"):
        from crackwise.data.folder import open_items
    refuse_place(source_path(model), out)
    sets = {reference: sample_pictures(open_items(reference, root), most, seed) for reference in data}
    found = fit(
        load_predictor(model),
        sets,
        root=root,
        class_name=class_name,
        rule=ReviewRule(review_risk, review_share),
        on_test_data=on_test_data,
        seed=seed,
    )
    copy_with_card(source_path(model), found.card, out)
    typer.echo("\n".join(summary(found)))
    typer.echo(f"Wrote {out}.")


def summary(found: Calibrated) -> Iterator[str]:
    """What was found, in lines of text."""
    card, chosen = found.card, found.chosen
    assert card.calibration is not None
    assert card.review is not None
    told, review = card.calibration, card.review
    sure = "too sure" if found.temperature > 1 else "not sure enough"
    yield f"{told.pictures} pictures of {told.photographs} photographs"
    yield f"temperature        {found.temperature:.3f} (it was {sure}); threshold {card.threshold:.4g}, same masks"
    yield f"calibration error  {told.error_before:.4f} before, {told.error_after:.4f} after, all labelled pixels"
    yield f"                   {told.near_error_before:.4f} before, {told.near_error_after:.4f} after, near cracks"
    yield f"                   {told.method}"
    for name, area in sorted(chosen.areas.items(), key=lambda each: each[1]):
        yield f"risk-coverage area {area:.4f} by {name}{' (chosen)' if name == review.confidence else ''}"
    yield (
        f"needs review       below {review.confidence} {review.below:.4g}: {1 - chosen.coverage:.1%} of the pictures; "
        f"mean risk {chosen.risk:.3f} of all, {chosen.kept_risk:.3f} of the others"
    )
    yield f"                   risk: {review.rule.partition('risk: ')[2]}"
