"""Checks of the files themselves: missing ones, sizes, and how a mask stores its strokes."""

from __future__ import annotations

from crackwise.evaluation.labels.look import Found, Look
from crackwise.evaluation.labels.raw import RawMask

__all__ = [
    "as_jpeg",
    "colours",
    "deep",
    "in_between",
    "in_transparency",
    "missing_label",
    "missing_picture",
    "palette",
    "several_levels",
    "size",
    "turned",
    "unreadable",
    "zero_and_one",
]

BETWEEN = 0.001
"""Share of the pixels that may lie between the levels of a mask."""
COLOURED = 0.0001


def missing_picture(look: Look) -> Found | None:
    """A label without a picture."""
    return Found(1.0, f"No picture belongs to {look.label}.") if look.missing == "picture" else None


def missing_label(look: Look) -> Found | None:
    """A picture without a label."""
    if look.missing != "label":
        return None
    return Found(1.0, f"No label belongs to {look.image}; a picture without cracks needs an empty one.")


def unreadable(look: Look) -> Found | None:
    """A file nobody can read."""
    return Found(1.0, look.error) if look.error else None


def size(look: Look) -> Found | None:
    """Picture and label of different sizes; the value is the ratio of their widths."""
    if look.raw is None or look.photo_size is None:
        return None
    label, photo = (look.raw.height_px, look.raw.width_px), look.photo_size
    if label == photo:
        return None
    wide, high = label[1] / photo[1], label[0] / photo[0]
    if label == photo[::-1] and look.orientation != 1:
        why = "it is drawn on the picture as stored, not as EXIF turns it"
    elif label == photo[::-1]:
        why = "one of them lies on its side"
    else:
        why = "one is scaled" if abs(wide / high - 1) < 0.02 else "they differ in shape"
    return Found(wide, f"The label is {label[1]}x{label[0]} px, its picture {photo[1]}x{photo[0]}: {why}.")


def turned(look: Look) -> Found | None:
    """Stored turned; the value is the orientation by EXIF, 2 to 8."""
    if look.orientation != 1:
        return Found(float(look.orientation), f"EXIF turns the picture (orientation {look.orientation}).")
    if look.raw is not None and look.raw.orientation != 1:
        return Found(float(look.raw.orientation), f"EXIF turns the label (orientation {look.raw.orientation}).")
    return None


def zero_and_one(look: Look) -> Found | None:
    """A mask of 0 and 1."""
    raw = look.raw
    if raw is None or raw.most != 1 or raw.bits == 1:
        return None
    return Found(1.0, "The label holds 0 and 1: programs that expect 255 read it as empty.")


def as_jpeg(look: Look) -> Found | None:
    """A mask stored with loss."""
    if look.raw is None or look.raw.form != "JPEG":
        return None
    return Found(
        look.raw.between, f"The label is a JPEG; {look.raw.between:.1%} of its pixels are neither black nor white."
    )


def in_between(look: Look) -> Found | None:
    """Grey values between the levels of a mask that is no JPEG."""
    raw = look.raw
    if raw is None or raw.form == "JPEG" or is_coloured(raw) or is_stepped(raw) or raw.between <= BETWEEN:
        return None
    return Found(raw.between, f"{raw.between:.1%} of the label's pixels lie between {raw.least} and {raw.most}.")


def several_levels(look: Look) -> Found | None:
    """A mask of a few values that many pixels have each."""
    if look.raw is None or look.raw.form == "JPEG" or not is_stepped(look.raw):
        return None
    values = ", ".join(map(str, (look.raw.least, *look.raw.levels)))
    return Found(float(len(look.raw.levels)), f"The label holds the values {values}: which of them are crack?")


def colours(look: Look) -> Found | None:
    """Strokes in colours."""
    if look.raw is None or not is_coloured(look.raw):
        return None
    return Found(look.raw.coloured, f"{look.raw.coloured:.1%} of the label's pixels are coloured.")


def palette(look: Look) -> Found | None:
    """A mask of numbers of colours."""
    if look.raw is None or not look.raw.has_palette:
        return None
    return Found(1.0, "The label has a palette: programs may read its numbers or its colours.")


def in_transparency(look: Look) -> Found | None:
    """Strokes that only the alpha channel shows."""
    if look.raw is None or not look.raw.in_alpha:
        return None
    return Found(1.0, "The strokes are in the transparency alone: programs that drop it read one colour.")


def deep(look: Look) -> Found | None:
    """More than 8 bits."""
    if look.raw is None or look.raw.bits <= 8:
        return None
    return Found(float(look.raw.bits), f"The label has {look.raw.bits} bits: programs that read 8 may see it black.")


def is_coloured(raw: RawMask) -> bool:
    """Whether a mask has coloured strokes."""
    return raw.coloured > COLOURED


def is_stepped(raw: RawMask) -> bool:
    """Whether a mask has several levels beside its background."""
    return len(raw.levels) > 1
