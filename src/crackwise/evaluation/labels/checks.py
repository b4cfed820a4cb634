"""The table `LABEL_CHECKS`: what can be wrong with a label, how it is told, and how much it matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

import numpy as np

from crackwise.evaluation.labels.files import (
    as_jpeg,
    colours,
    deep,
    in_between,
    in_transparency,
    missing_label,
    missing_picture,
    palette,
    several_levels,
    size,
    turned,
    unreadable,
    zero_and_one,
)
from crackwise.evaluation.labels.look import CONFIDENT, INVERTED_SHARE, NEAR_PX, SPECK_PX, Found, Look

__all__ = ["DISPLACED_PX", "LABEL_CHECKS", "SEVERITIES", "THIN", "WIDE", "Check", "Finding", "findings_of"]

Severity = Literal["grave", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The worst first."""

WIDE, THIN = 2.0, 0.5
"""Ratios of widths of one picture that are worth a look; a set is judged by `summary.py`."""
DISPLACED_PX, OF_WIDTH = 1.5, 0.25
"""A label lies beside its crack from this distance on, and this share of its own width."""
LOST = 0.2
"""... if it loses this share of the darkness there."""
UNALIGNED, BY_CHANCE = 0.05, 0.2
"""Share of other places on a picture that suit the label as well: in doubt, and surely not of this picture."""
BRIGHT = -0.5
"""Standard deviations of local darkness from which on a label lies on something bright."""
DISPUTED_PX = 50
UNSEEN, LEAST_LABEL_PX = 0.02, 100


class Check(NamedTuple):
    """A row of the table."""

    find: Callable[[Look], Found | None]
    means: str
    severity: Severity


class Finding(NamedTuple):
    """Something about one picture."""

    picture: str
    check: str
    value: float
    sentence: str

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return LABEL_CHECKS[self.check].severity


def inverted(look: Look) -> Found | None:
    """More crack than background."""
    if not look.share > INVERTED_SHARE:
        return None
    on = "it is brighter than the rest, which lies on the dark" if look.on_crack < 0 else "invert it if the rest is it"
    return Found(look.share, f"{look.share:.0%} of the picture is labelled as crack: {on}.")


def wrong_pair(look: Look) -> Found | None:
    """Fits its picture no better than by chance, or another picture better."""
    if look.fit is None or on_bright(look) or not look.fit.alignment.chance > UNALIGNED:
        return None
    chance = look.fit.alignment.chance
    if look.belongs_to:
        return Found(chance, f"The label fits {look.belongs_to} and not this picture.")
    if chance <= BY_CHANCE:
        return None
    return Found(chance, f"{chance:.0%} of the other places on the picture suit the label as well as its own.")


def unaligned(look: Look) -> Found | None:
    """Hardly darker under the label than elsewhere: a faint crack, a coarse label, or a wrong pair."""
    if look.fit is None or look.belongs_to or on_bright(look) or not UNALIGNED < look.fit.alignment.chance <= BY_CHANCE:
        return None
    chance = look.fit.alignment.chance
    return Found(chance, f"{chance:.0%} of the other places on the picture suit the label as well as its own.")


def displaced(look: Look) -> Found | None:
    """The label lies beside the dark line."""
    if look.fit is None or on_bright(look) or look.fit.alignment.chance > UNALIGNED:
        return None
    here = look.fit.alignment
    wide_px = float(np.median(look.thickness.label_px)) if look.thickness and len(look.thickness.label_px) else 0.0
    if here.distance_px < max(DISPLACED_PX, OF_WIDTH * wide_px) or here.here > (1 - LOST) * here.best:
        return None
    return Found(
        here.distance_px,
        f"The label lies {here.distance_px:.1f} px beside the dark line: "
        f"{abs(here.right_px):.1f} px to the {'right' if here.right_px >= 0 else 'left'}, "
        f"{abs(here.down_px):.1f} px {'down' if here.down_px >= 0 else 'up'}.",
    )


def on_bright(look: Look) -> Found | None:
    """The label lies on a line that is brighter than its surroundings."""
    if look.fit is None or look.fit.alignment.here > BRIGHT or look.fit.alignment.best > -look.fit.alignment.here:
        return None
    return Found(look.fit.alignment.here, "What lies under the label is brighter than its surroundings.")


def wide(look: Look) -> Found | None:
    """Drawn wider than the crack."""
    ratio = np.nan if look.thickness is None else look.thickness.ratio
    return Found(ratio, f"The label is {ratio:.1f} times as wide as the crack.") if ratio >= WIDE else None


def thin(look: Look) -> Found | None:
    """Drawn thinner than the crack."""
    ratio = np.nan if look.thickness is None else look.thickness.ratio
    return Found(ratio, f"The label is {ratio:.2f} times as wide as the crack.") if ratio <= THIN else None


def frame(look: Look) -> Found | None:
    """A false line along the border."""
    if not look.frame_sides:
        return None
    return Found(float(look.frame_sides), f"The outermost pixels of {look.frame_sides} side(s) are labelled.")


def specks(look: Look) -> Found | None:
    """Pieces of a few pixels."""
    if not look.specks:
        return None
    return Found(float(look.specks), f"{look.specks} piece(s) of the label have at most {SPECK_PX} pixels.")


def same_label(look: Look) -> Found | None:
    """Another photograph has the same label."""
    if not look.same_as:
        return None
    others = ", ".join(look.same_as[:3]) + (" and others" if len(look.same_as) > 3 else "")
    return Found(float(len(look.same_as)), f"The very same label belongs to {others}.")


def overlooked(look: Look) -> Found | None:
    """A model is sure of a crack where the label is empty."""
    if look.opinion is None or look.share != 0 or look.opinion.confident_px < DISPUTED_PX:
        return None
    pixels = look.opinion.confident_px
    return Found(float(pixels), f"The label is empty; the model sees a crack of {pixels} px (p >= {CONFIDENT:g}).")


def nothing_under(look: Look) -> Found | None:
    """A model sees nothing where the label has a crack."""
    if look.opinion is None or look.photo_size is None or not look.opinion.seen <= UNSEEN:
        return None
    if look.share * look.photo_size[0] * look.photo_size[1] < LEAST_LABEL_PX:
        return None
    return Found(look.opinion.seen, f"The model sees {look.opinion.seen:.0%} of the label, within {NEAR_PX} px.")


LABEL_CHECKS: Mapping[str, Check] = {
    "missing_picture": Check(missing_picture, "a label, and no picture of its name", "grave"),
    "missing_label": Check(missing_label, "a picture, and no label of its name", "grave"),
    "unreadable": Check(unreadable, "a file that is damaged, or a label whose values mean nothing known", "grave"),
    "size": Check(size, "picture and label differ in size", "grave"),
    "inverted": Check(inverted, "more than half of the picture is crack", "grave"),
    "wrong_pair": Check(
        wrong_pair, "the label fits other places, or another picture, as well as the dark lines of its own", "grave"
    ),
    "unaligned": Check(
        unaligned,
        "under the label it is hardly darker than elsewhere: faint crack, coarse label, or wrong pair",
        "warning",
    ),
    "displaced": Check(displaced, f"the label lies {DISPLACED_PX:g} px or more beside the dark line", "warning"),
    "on_bright": Check(on_bright, "the label lies on a bright line", "warning"),
    "wide": Check(wide, f"the label is {WIDE:g} times as wide as the crack, or more", "warning"),
    "thin": Check(thin, f"the label is {THIN:g} times as wide as the crack, or less", "warning"),
    "frame": Check(frame, "a line of label along the border of the picture", "warning"),
    "same_label": Check(same_label, "the same label as that of another photograph", "warning"),
    "specks": Check(specks, f"pieces of the label of at most {SPECK_PX} px", "hint"),
    "turned": Check(
        turned, "picture or label is stored turned, which programs that do not read EXIF overlook", "warning"
    ),
    "zero_and_one": Check(zero_and_one, "crack is 1: black to the eye and to programs that expect 255", "hint"),
    "as_jpeg": Check(as_jpeg, "stored with loss: grey values around the strokes", "warning"),
    "in_between": Check(in_between, "values between background and crack", "warning"),
    "several_levels": Check(several_levels, "several values that may mean several classes", "warning"),
    "colours": Check(colours, "strokes in colours", "hint"),
    "palette": Check(palette, "pixels are numbers of a palette", "hint"),
    "in_transparency": Check(in_transparency, "strokes are in the transparency alone", "warning"),
    "deep": Check(deep, "more than 8 bits", "hint"),
    "overlooked": Check(overlooked, "disputed: a model is sure of a crack, the label is empty", "hint"),
    "nothing_under": Check(nothing_under, "disputed: a model sees nothing of what is labelled", "hint"),
}
"""Name of a check to its function, meaning and severity; ``grave`` ends `crackwise data labels` in 1."""


def findings_of(look: Look) -> list[Finding]:
    """What all checks say of one picture, in the order of the table."""
    found = [(name, check.find(look)) for name, check in LABEL_CHECKS.items()]
    return [Finding(look.name, name, what.value, what.sentence) for name, what in found if what is not None]
