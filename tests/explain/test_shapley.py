"""Shapley values against their definition: linear games, the sum, symmetry, and a slow plain version."""

from itertools import permutations
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from crackwise.errors import CrackwiseError
from crackwise.explain.shapley import Game, coalitions, kernel_shap


def by_all_orders(game: Game, k: int) -> NDArray[np.float64]:
    """The mean gain of every feature over all orders in which they can come."""
    phi, orders = np.zeros(k), list(permutations(range(k)))
    for order in orders:
        there = np.zeros(k, bool)
        before = game(there)
        for feature in order:
            there[feature] = True
            after = game(there)
            phi[feature] += after - before
            before = after
    return phi / len(orders)


def crooked(k: int, seed: int) -> Game:
    """A game with random interactions of pairs and triples."""
    rng = np.random.default_rng(seed)
    one, two, three = rng.normal(size=k), rng.normal(size=(k, k)), rng.normal(size=(k, k, k))

    def game(there: NDArray[np.bool_]) -> float:
        z = there.astype(float)
        return float(0.3 + one @ z + z @ two @ z + np.einsum("ijk,i,j,k", three, z, z, z))

    return game


@pytest.mark.parametrize(("k", "samples"), [(1, None), (2, None), (6, None), (30, 60), (30, 400)])
def test_a_linear_game_is_shared_out_exactly(k: int, samples: int | None, rng: np.random.Generator) -> None:
    weights = rng.normal(size=k)
    shares = kernel_shap(lambda there: 2.5 + float(weights @ there), k, samples=samples)
    np.testing.assert_allclose(shares.phi, weights, atol=1e-9)


@pytest.mark.parametrize("k", [2, 3, 5, 6])
def test_few_features_get_what_all_orders_give_them(k: int) -> None:
    game = crooked(k, k)
    shares = kernel_shap(game, k)
    assert shares.is_exact
    assert shares.evaluations == 2**k
    np.testing.assert_allclose(shares.phi, by_all_orders(game, k), atol=1e-9)


def test_captums_kernelshap_comes_to_the_same() -> None:
    captum, torch = pytest.importorskip("captum.attr"), pytest.importorskip("torch")
    game, k = crooked(5, 4), 5

    def forward(there: torch.Tensor) -> torch.Tensor:
        return torch.tensor([game(row > 0) for row in there.numpy()])

    torch.manual_seed(0)
    theirs = captum.KernelShap(forward).attribute(torch.ones(1, k), torch.zeros(1, k), n_samples=3000)
    ours = kernel_shap(game, k).phi
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=0.05 * np.abs(ours).max())


@pytest.mark.parametrize("samples", [20, 60, 150])
def test_drawn_coalitions_come_near_and_keep_the_sum(samples: int) -> None:
    game = crooked(8, 1)
    exact, drawn = kernel_shap(game, 8), kernel_shap(game, 8, samples=samples, seed=3)
    assert drawn.phi.sum() == pytest.approx(drawn.full - drawn.empty, abs=1e-9)
    assert not drawn.is_exact
    assert drawn.evaluations <= samples + 2
    assert np.abs(drawn.phi - exact.phi).max() < 40 / samples * np.abs(exact.phi).max()


def test_features_that_do_the_same_get_the_same_and_idle_ones_nothing() -> None:
    phi = kernel_shap(lambda z: float(z[0] and z[1]) + 3 * float(z[2] or z[3]), 5).phi
    np.testing.assert_allclose(phi, [0.5, 0.5, 1.5, 1.5, 0], atol=1e-9)


def test_the_seed_decides_what_is_drawn() -> None:
    game = crooked(14, 2)
    one, same, other = (kernel_shap(game, 14, samples=60, seed=seed).phi for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_coalitions_carry_the_whole_weight_and_come_in_pairs(rng: np.random.Generator) -> None:
    k = 20
    mass = sum((k - 1) / (s * (k - s)) for s in range(1, k))
    masks, weights = coalitions(k, 200, rng)
    assert len(masks) <= 200
    assert weights.sum() == pytest.approx(mass)
    assert not masks.all(1).any()
    assert masks.any(1).all()
    np.testing.assert_allclose((weights[:, None] * masks).sum(0) - mass / 2, 0, atol=mass / 8)
    assert masks.sum() * 2 == masks.size
    everything, exact = coalitions(6, 62, rng)
    kernel = [5 / (comb(6, int(s)) * s * (6 - s)) for s in everything.sum(1)]
    np.testing.assert_allclose(exact, kernel)
    assert len({tuple(mask) for mask in everything.tolist()}) == 62


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(CrackwiseError, match=r"2 samples cannot tell 196 features apart: pass --samples 392"):
        kernel_shap(lambda z: float(z.sum()), 196, samples=2)
