"""All labels of some sets looked at, judged, and counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crackwise.evaluation.labels.checks import Finding, findings_of
from crackwise.evaluation.labels.listing import Listing
from crackwise.evaluation.labels.look import Look, look_at, orphan
from crackwise.evaluation.labels.owners import find_owners
from crackwise.evaluation.labels.summary import Summary, summarise

if TYPE_CHECKING:
    from crackwise.predictor import Predictor

__all__ = ["AuditedSet", "audit_labels", "audit_set"]

Track = Callable[[Iterable[Look], int, str], Iterable[Look]]
"""Wraps looks, their number and the name of their set in a progress bar."""


@dataclass(frozen=True, slots=True, eq=False)
class AuditedSet:
    """One set, its pictures looked at."""

    looks: tuple[Look, ...]
    findings: tuple[Finding, ...]
    summary: Summary
    listed: int
    """Pictures that the set lists; fewer may have been drawn."""

    @property
    def grave(self) -> bool:
        """Whether anything found is grave."""
        return any(finding.severity == "grave" for finding in self.findings)


def audit_labels(
    sets: Mapping[str, Listing],
    *,
    predictor: Predictor | None = None,
    seed: int = 0,
    track: Track | None = None,
) -> dict[str, AuditedSet]:
    """Every set under its reference: looks, findings, and a summary with intervals by photograph.

    A file that cannot be read is a finding. With a ``predictor`` labels that it disputes are found as well.
    """
    return {
        reference: audit_set(reference, listing, predictor=predictor, seed=seed, track=track)
        for reference, listing in sets.items()
    }


def audit_set(
    reference: str,
    listing: Listing,
    *,
    predictor: Predictor | None = None,
    seed: int = 0,
    track: Track | None = None,
) -> AuditedSet:
    """One set; see `audit_labels`."""
    looking: Iterator[Look] = (look_at(item, predictor) for item in listing.items)
    looks = list(track(looking, len(listing.items), reference) if track else looking)
    looks = find_owners(with_twins(looks))
    looks += [orphan(label) for label in listing.orphans]
    findings = [finding for look in looks for finding in findings_of(look)]
    return AuditedSet(tuple(looks), tuple(findings), summarise(looks, findings, seed=seed), listing.listed)


def with_twins(looks: Sequence[Look]) -> list[Look]:
    """The looks, each knowing the pictures of other photographs with the very same label."""
    alike: dict[str, list[Look]] = defaultdict(list)
    for look in looks:
        if look.digest:
            alike[look.digest].append(look)
    found = []
    for look in looks:
        twins = alike[look.digest] if look.digest else []
        found.append(replace(look, same_as=tuple(twin.name for twin in twins if twin.group != look.group)))
    return found
