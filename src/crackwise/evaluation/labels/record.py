"""An audit of labels as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from crackwise.evaluation.bootstrap import CONFIDENCE, RESAMPLES, Estimate, defined
from crackwise.evaluation.labels.audit import AuditedSet
from crackwise.evaluation.labels.checks import LABEL_CHECKS, SEVERITIES
from crackwise.evaluation.labels.look import Look
from crackwise.report.table import as_text

__all__ = ["COLUMNS", "SCHEMA", "to_csv", "to_json"]

SCHEMA = "crackwise.labels/1"
DIGITS = 4
NUMBERS = (
    *("crack_share", "label_width_px", "crack_width_px", "width_ratio", "seen_share"),
    *("right_px", "down_px", "darkness", "best_darkness", "chance"),
)
COLUMNS = ("set", "picture", "photograph", "image", "label", *NUMBERS, "worst_severity", "checks")
"""Of ``labels.csv``, in this order."""


def to_json(sets: Mapping[str, AuditedSet], *, seed: int, model: str | None = None) -> dict[str, Any]:
    """The whole record, ready for ``json.dumps``; an undefined number is None."""
    return {
        "schema": SCHEMA,
        "grave": any(audited.grave for audited in sets.values()),
        "model": model,
        "intervals": {
            "method": "expanded percentile bootstrap, whole photographs drawn with replacement",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": seed,
        },
        "checks": {name: {"means": check.means, "severity": check.severity} for name, check in LABEL_CHECKS.items()},
        "sets": {reference: set_record(audited) for reference, audited in sets.items()},
    }


def set_record(audited: AuditedSet) -> dict[str, Any]:
    """One set of the record."""
    summary = audited.summary
    whole = {
        name: value.to_dict(DIGITS) if isinstance(value, Estimate) else value
        for name, value in summary._asdict().items()
    }
    return {
        "listed": audited.listed,
        **whole,
        "label_width_px": defined(summary.label_width_px, DIGITS),
        "findings": [
            {**finding._asdict(), "value": defined(finding.value, DIGITS), "severity": finding.severity}
            for finding in audited.findings
        ],
        "looked_at": [
            {"picture": look.name, "photograph": look.group, **numbers_of(look), "file": file_record(look)}
            for look in audited.looks
        ],
    }


def numbers_of(look: Look) -> dict[str, float | None]:
    """The numbers of one picture, by the names in `NUMBERS`."""
    fit, widths = look.fit, look.thickness
    seen = widths is not None and len(widths.label_px) > 0
    values = (
        look.share,
        float(np.median(widths.label_px)) if widths and seen else np.nan,
        float(np.median(widths.grey_px)) if widths and seen else np.nan,
        widths.ratio if widths else np.nan,
        len(widths.label_px) / widths.length_px if widths else np.nan,
        *((np.nan,) * 5 if fit is None else fit.alignment),
    )
    return {name: defined(value, DIGITS) for name, value in zip(NUMBERS, values, strict=True)}


def file_record(look: Look) -> dict[str, Any] | None:
    """The facts about the mask file."""
    if look.raw is None:
        return None
    return {
        **look.raw._asdict(),
        "between": defined(look.raw.between, DIGITS),
        "coloured": defined(look.raw.coloured, DIGITS),
    }


def to_csv(sets: Mapping[str, AuditedSet]) -> str:
    """One row per picture; an undefined number is an empty cell."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for reference, audited in sets.items():
        table.writerows(csv_rows(reference, audited))
    return text.getvalue()


def csv_rows(reference: str, audited: AuditedSet) -> Iterator[tuple[Any, ...]]:
    """The cells under ``COLUMNS``."""
    for look in audited.looks:
        mine = [finding for finding in audited.findings if finding.picture == look.name]
        worst = next((severity for severity in SEVERITIES if any(f.severity == severity for f in mine)), "")
        names = [as_text(str(text or "")) for text in (reference, look.name, look.group, look.image, look.label)]
        yield *names, *numbers_of(look).values(), worst, " ".join(finding.check for finding in mine)
