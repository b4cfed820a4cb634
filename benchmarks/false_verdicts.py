"""How often `crackwise compare` would call a difference where there is none.

    python benchmarks/false_verdicts.py [--photographs 8 --photographs 30] [--simulations 1000] [--seed 0]

Three models that do not differ: a photograph has 100 to 2000 true pixels (evenly by logarithm) and a share of its own
that is found (Beta(8, 2)); each model's is off by a normal draw of deviation 0.1. The score is the pooled share.
Printed are the shares of the simulations in which p <= 0.05 for the first pair alone, and for any of the three pairs
after Holm's correction; promised is at most 5 % (1000 simulations tell it within 1.4 %).
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np

from crackwise.evaluation.compare.permutation import holm, permutation_p
from crackwise.tally import FloatArray

ALPHA = 0.05
MODELS = 3


def pooled_share(sums: FloatArray) -> FloatArray:
    """Found over true pixels (n, 2)."""
    share: FloatArray = sums[:, 0] / sums[:, 1]
    return share


def draw_models(photographs: int, rng: np.random.Generator) -> list[FloatArray]:
    """Found and true pixels (g, 2) of every model on the same photographs."""
    true = np.exp(rng.uniform(np.log(100), np.log(2000), photographs)).round()
    usual = rng.beta(8, 2, photographs)
    shares = np.clip(usual + rng.normal(0, 0.1, (MODELS, photographs)), 0, 1)
    return [np.stack([(share * true).round(), true], axis=1) for share in shares]


def main() -> None:
    """One line per number of photographs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, action="append")
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for photographs in options.photographs or [8, 12, 30]:
        rng = np.random.default_rng([options.seed, photographs])
        alone = together = 0
        for run in range(options.simulations):
            models = draw_models(photographs, rng)
            values = [permutation_p(a, b, pooled_share, seed=run) for a, b in combinations(models, 2)]
            alone += values[0] <= ALPHA
            together += min(holm(values)) <= ALPHA
        one, any_of = alone / options.simulations, together / options.simulations
        print(f"{photographs} photographs: one pair {one:.1%}, any of {len(values)} after Holm {any_of:.1%}")


if __name__ == "__main__":
    main()
