"""An audit of labels to ``labels.json``, ``labels.csv`` and ``labels.html``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from crackwise.evaluation.labels.audit import AuditedSet
from crackwise.evaluation.labels.drawing import draw_pair
from crackwise.evaluation.labels.listing import Listing
from crackwise.evaluation.labels.page import Shown, render_page, worst_of
from crackwise.evaluation.labels.record import to_csv, to_json
from crackwise.imaging.files import write_atomically

__all__ = ["write_audit"]


def write_audit(
    out: Path,
    sets: Mapping[str, AuditedSet],
    listings: Mapping[str, Listing],
    *,
    worst: int = 8,
    seed: int = 0,
    model: str | None = None,
) -> None:
    """Write the three files; ``worst`` pairs of every set are drawn.

    Raises:
        CrackwiseError: ``out`` cannot be written to.
    """
    shown = {}
    for reference, audited in sets.items():
        items = {item.name: item for item in listings[reference].items}
        shown[reference] = [
            Shown(look.name, tuple(f.sentence for f in found), draw_pair(look, items.get(look.name)))
            for look, found in worst_of(audited, worst)
        ]
    record = to_json(sets, seed=seed, model=model)
    page = render_page(record, sets, shown)
    write_atomically(out / "labels.json", f"{json.dumps(record, indent=1, ensure_ascii=False)}\n".encode())
    write_atomically(out / "labels.csv", to_csv(sets).encode())
    write_atomically(out / "labels.html", page.encode())
