"""How far the rows of the benchmark lie apart on the same photographs, which overlapping intervals do not tell.

    python benchmarks/zoo_pairs.py SWEEP_FOLDER... [--against hrsegnet_b16]

Reads what `crackwise sweep recipes/sweeps/benchmark.yaml` left, weights not needed. Printed per row: its score less
that of the other row on the same photographs, which are drawn with replacement, whole, the same ones for both; 95 %
intervals. They tell whether other photographs would change the sign, not whether another training would.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crackwise.evaluation.bootstrap import draw_scores, interval
from crackwise.evaluation.repeats import difference
from crackwise.sweeps.judge import findings_of
from crackwise.sweeps.scores import Findings

COLUMNS = (("deepcrack:test", "pooled_crack_iou"), ("deepcrack:test", "f1@2"), ("crack500:test", "pooled_crack_iou"),
           ("cfd", "f1@2"))  # fmt: skip


def rows_in(sweeps: list[Path]) -> dict[str, dict[str, Findings]]:
    """Finished rows by their names: test case to findings, of the first seed."""
    runs = [run for sweep in sweeps for arm in sorted((sweep / "runs").iterdir()) for run in sorted(arm.iterdir())[:1]]
    return {run.parent.name: findings_of(run) for run in runs if (run / "tests.json").is_file()}


def gain(row: Findings, other: Findings, score: str) -> str:
    """By how much a row is above the other, and between which bounds."""
    draws = [draw_scores(each.tallies, each.groups, seed=0)[score] for each in (row, other)]
    apart = difference(*draws)
    low, high = interval(apart.value, apart.resampled, apart.photographs, is_share=False)
    told = f"{apart.value:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"**{told}**" if low > 0 or high < 0 else told


def main() -> None:
    """A line per row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", nargs="+", type=Path)
    parser.add_argument("--against", default="hrsegnet_b16")
    options = parser.parse_args()
    rows = rows_in(options.sweeps)
    other = rows.pop(options.against)
    print("| row | " + " | ".join(f"{case}<br>{score}" for case, score in COLUMNS) + " |")
    print("|---" * (1 + len(COLUMNS)) + "|")
    for name, row in rows.items():
        print(f"| `{name}` | " + " | ".join(gain(row[case], other[case], score) for case, score in COLUMNS) + " |")


if __name__ == "__main__":
    main()
