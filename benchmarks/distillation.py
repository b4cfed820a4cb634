"""What teaching gained: runs of a distillation sweep against the same student alone, seed by seed.

    python benchmarks/distillation.py docs/experiments/distillation [--json]

Reads what `crackwise sweep recipes/sweeps/distillation.yaml` left of the arms ``alone`` and ``taught``, weights not
needed. Printed per test set and score: the mean over the seeds that both arms have, and the difference taught - alone
on the same photographs with the same seeds; 95 % intervals over photographs and seeds (docs/evaluation.md).
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from crackwise.evaluation.bootstrap import Estimate
from crackwise.evaluation.repeats import estimate_difference, estimate_mean
from crackwise.sweeps.judge import findings_of

SCORES = ("pooled_crack_iou", "f1@2", "false_alarm_share_50px")
ARMS = ("alone", "taught")


def core_minutes(run: Path) -> float:
    """What training and validation took of one core."""
    with (run / "metrics.csv").open(newline="") as file:
        return sum(float(row["core_s"]) for row in csv.DictReader(file) if row["core_s"]) / 60


def shown(estimate: Estimate, sign: str = "") -> str:
    """A number with its interval."""
    return f"{estimate.value:{sign}.3f} ({estimate.low:{sign}.3f} to {estimate.high:{sign}.3f})"


def main() -> None:
    """A row per set and score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    arms = [{run.name: run for run in (options.sweep / "runs" / arm).iterdir()} for arm in ARMS]
    seeds = sorted(arms[0].keys() & arms[1].keys())
    minutes = {
        name: [round(core_minutes(arm[seed]), 1) for seed in seeds] for name, arm in zip(ARMS, arms, strict=True)
    }
    findings = [[findings_of(arm[seed]) for seed in seeds] for arm in arms]
    record: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    rows = ["| set | score | alone | taught | taught - alone |", "|---|---|---|---|---|"]
    for title in findings[0][0]:
        groups = findings[0][0][title].groups
        alone, taught = ([run[title].tallies for run in runs] for runs in findings)
        means = estimate_mean(alone, groups), estimate_mean(taught, groups)
        gain = estimate_difference(taught, alone, groups)
        for score in SCORES:
            if means[0][score].value == means[0][score].value:
                each = (means[0][score], means[1][score], gain[score])
                record.setdefault(title, {})[score] = {
                    name: estimate._asdict() for name, estimate in zip((*ARMS, "difference"), each, strict=True)
                }
                rows.append(f"| {title} | {score} | {shown(each[0])} | {shown(each[1])} | {shown(each[2], '+')} |")
    if options.json:
        print(json.dumps({"seeds": seeds, "core_minutes": minutes, "sets": record}, indent=2))
    else:
        print("\n".join([f"{', '.join(seeds)}; core-minutes {minutes}", "", *rows]))


if __name__ == "__main__":
    main()
