"""Do training and test show the same photographs? Groups across parts, exact copies, near copies."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from crackwise.data.fingerprint import Fingerprint, fingerprint, same_pictures
from crackwise.data.folder import Item

__all__ = ["Audit", "Finding", "audit"]

Kind = Literal["photograph", "exact copy", "near copy"]
LISTED = 20
"""Findings of one kind printed in full; the JSON holds all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Pictures that should stand together."""

    kind: Kind
    names: tuple[str, ...]
    sides: tuple[str, ...]
    """The parts they are in: ``train``, ``test``, ..., or the set itself where it has no parts."""

    @property
    def crosses(self) -> bool:
        """Whether they stand on both sides of a split."""
        return len(self.sides) > 1


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit looked at and found."""

    pictures: int
    photographs: int
    sides: dict[str, int]
    """Part, or unsplit set, to its number of pictures."""
    findings: tuple[Finding, ...]

    @property
    def crosses(self) -> bool:
        """Whether any photograph or copy stands on both sides of a split."""
        return any(finding.crosses for finding in self.findings)

    def lines(self) -> list[str]:
        """The report for people, crossing findings first."""
        sides = ", ".join(f"{side} ({count})" for side, count in self.sides.items())
        lines = [f"{self.pictures} pictures of {self.photographs} photographs in {sides}"]
        for kind, title in TITLES.items():
            found = [finding for finding in self.findings if finding.kind == kind]
            crossing = [finding for finding in found if finding.crosses]
            lines.append(f"{title}: {len(crossing)} crossing, {len(found) - len(crossing)} within one part")
            lines += [f"  {' | '.join(finding.sides)}: {shorten(finding.names)}" for finding in crossing[:LISTED]]
            if len(crossing) > LISTED:
                lines.append(f"  and {len(crossing) - LISTED} more")
        lines.append("The split leaks." if self.crosses else "Nothing crosses a split.")
        return lines

    def to_json(self) -> str:
        """The report for machines: counts, ``crosses``, and every finding."""
        findings = [{**asdict(finding), "crosses": finding.crosses} for finding in self.findings]
        counts = {kind: sum(f.crosses for f in self.findings if f.kind == kind) for kind in TITLES}
        head = {"pictures": self.pictures, "photographs": self.photographs, "sides": self.sides}
        return json.dumps({**head, "crosses": self.crosses, "crossing": counts, "findings": findings}, indent=1)


TITLES: Mapping[Kind, str] = {
    "photograph": "photographs",
    "exact copy": "exact copies",
    "near copy": "near copies",
}


def shorten(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f", and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(names[:4]) + more


def audit(
    sets: Mapping[str, Sequence[Item]],
    track: Callable[[Iterable[Fingerprint], int], Iterable[Fingerprint]] | None = None,
) -> Audit:
    """Compare every picture with every other, within and across the sets.

    ``sets`` maps references to their pictures. A picture stands on the side of its part (``train``, ``test``), or,
    where its set has no parts, on that of the set: two unsplit sets are taken to be meant for different purposes.
    ``track`` wraps the fingerprints, which take the time, and their number, for a progress bar.

    Raises:
        ImageError: a picture that cannot be read.
    """
    sides: dict[Path, str] = {}
    items: list[Item] = []
    for reference, listed in sets.items():
        for item in listed:
            path = Path(os.path.abspath(item.image))  # noqa: PTH100  # a link is kept: it shows a copy
            if path not in sides:
                sides[path] = part_of(item) or reference
                items.append(item)
    side_of = list(sides.values())
    with ThreadPoolExecutor() as pool:
        made = pool.map(fingerprint, [item.image for item in items])
        prints = list(track(made, len(items)) if track else made)
    findings = [*shared_photographs(items, side_of), *copies(items, side_of, prints)]
    return Audit(
        pictures=len(items),
        photographs=len({item.group for item in items}),
        sides=dict(sorted(Counter(side_of).items())),
        findings=tuple(sorted(findings, key=lambda finding: (not finding.crosses, finding.kind, finding.names))),
    )


def part_of(item: Item) -> str:
    """``"test"`` of ``"deepcrack/test/11125-1"``."""
    return "/".join(item.name.split("/")[1:-1])


def shared_photographs(items: Sequence[Item], side_of: Sequence[str]) -> list[Finding]:
    """The photographs that several sides have pictures of."""
    members: dict[str, list[int]] = defaultdict(list)
    for position, item in enumerate(items):
        members[item.group].append(position)
    findings = (finding("photograph", positions, items, side_of) for positions in members.values())
    return [found for found in findings if found.crosses]


def copies(items: Sequence[Item], side_of: Sequence[str], prints: Sequence[Fingerprint]) -> list[Finding]:
    """The pairs of pictures that are copies of one."""
    return [
        finding("exact copy" if pair.exact else "near copy", (pair.first, pair.second), items, side_of)
        for pair in same_pictures(prints)
    ]


def finding(kind: Kind, positions: Sequence[int], items: Sequence[Item], side_of: Sequence[str]) -> Finding:
    """A finding about the items at some positions."""
    sides = tuple(sorted({side_of[position] for position in positions}))
    return Finding(kind, tuple(sorted(items[position].name for position in positions)), sides)
