"""The graph of a skeleton against scikit-image on the whole mask and against skan."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from crackwise.measure.pruning import prune
from crackwise.measure.skeleton import TIP, occupied_tiles, skeleton_graph, skeleton_points


def network(seed: int, *, size: int = 700, thickness: int = 5, lines: int = 8) -> NDArray[np.bool_]:
    """Wandering lines that cross, without pinholes."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((size, size), np.uint8)
    for _ in range(lines):
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.3, 12))
        points = rng.uniform(0, size, 2) + np.cumsum(40 * np.column_stack((np.cos(turns), np.sin(turns))), axis=0)
        cv2.polylines(mask, [points.astype(np.int32)], isClosed=False, color=1, thickness=thickness)
    filled = mask | cv2.medianBlur(mask, 3)
    while (filled != mask).any():
        mask, filled = filled, filled | cv2.medianBlur(filled, 3)
    return filled.astype(np.bool_)


@pytest.mark.parametrize("thickness", [1, 5, 12, 20])
def test_tiles_give_the_skeleton_of_the_whole_mask(thickness: int) -> None:
    mask = network(thickness, thickness=thickness)
    found = skeleton_points(mask)
    assert found is not None
    np.testing.assert_array_equal(found[0], np.argwhere(skeletonize(mask)))


def test_half_widths_are_those_of_the_mask() -> None:
    mask = np.zeros((60, 300), np.bool_)
    mask[20:31] = True
    found = skeleton_points(mask)
    assert found is not None
    points, radii = found
    inner = (points[:, 1] > 20) & (points[:, 1] < 280)
    assert radii[inner] == pytest.approx(5.5, abs=0.2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_chains_are_the_branches_that_skan_finds(seed: int) -> None:
    skan = pytest.importorskip("skan")
    mask = network(seed, size=300, lines=4)
    graph = skeleton_graph(mask)
    reference = skan.Skeleton(skeletonize(mask), keep_images=False)
    long = [path for path in map(reference.path_coordinates, range(reference.n_paths)) if len(path) > 4]
    ours = [chain for chain in graph.chains if len(chain.points) > 4]
    assert len(ours) == len(long)
    lengths = sorted(float(np.hypot(*np.diff(path, axis=0).T).sum()) for path in long)
    np.testing.assert_allclose(sorted(chain.length_px for chain in ours), lengths, atol=4)


def test_every_skeleton_pixel_is_in_a_chain_or_a_junction() -> None:
    mask = network(7)
    graph = skeleton_graph(mask)
    found = {tuple(point) for chain in graph.chains for point in chain.points.round().astype(int)}
    missing = [point for point in np.argwhere(skeletonize(mask)) if tuple(point) not in found]
    for point in missing:
        assert np.hypot(*(graph.junctions - point).T).min() <= 3


def test_a_body_too_wide_for_tiles_is_traced_on_a_coarser_grid() -> None:
    mask = np.zeros((900, 900), np.bool_)
    mask[300:480, 50:850] = True
    assert skeleton_points(mask) is None
    chains = prune(skeleton_graph(mask))
    assert len(chains) == 1
    assert chains[0].start == chains[0].end == TIP
    rows = chains[0].points[:, 0]
    assert rows.mean() == pytest.approx(389.5, abs=4)


def test_a_wide_body_changes_nothing_for_the_cracks_beside_it() -> None:
    thin = np.zeros((900, 1200), np.bool_)
    for offset in range(3):
        cv2.line(thin.view(np.uint8), (100, 100 + 40 * offset), (800, 160 + 40 * offset), 1, 1 + offset)
    cv2.line(thin.view(np.uint8), (400, 100), (420, 300), 1, 2)
    rows, columns = np.ogrid[:900, :1200]
    blob = np.hypot(rows - 700, columns - 1000) < 45
    alone, beside = skeleton_graph(thin), skeleton_graph(thin | blob)
    assert len(beside.chains) > len(alone.chains)
    for chain, same in zip(alone.chains, beside.chains, strict=False):
        np.testing.assert_array_equal(chain.points, same.points)
        np.testing.assert_array_equal(chain.radii, same.radii)
        assert (chain.start, chain.end) == (same.start, same.end)
    np.testing.assert_array_equal(alone.junctions, beside.junctions[: len(alone.junctions)])


def test_the_work_follows_the_cracks_not_the_picture() -> None:
    mask = np.zeros((300, 300), np.bool_)
    mask[100:103, 40:260] = True
    assert len(list(occupied_tiles(np.pad(mask, ((0, 3000), (0, 3000)))))) == len(list(occupied_tiles(mask))) == 3


def test_an_empty_mask_has_no_chains() -> None:
    assert skeleton_graph(np.zeros((40, 50), np.bool_)).chains == []


def test_a_spur_is_pruned_and_a_side_branch_is_not() -> None:
    mask = np.zeros((120, 300), np.bool_)
    mask[56:65, 20:280] = True
    mask[50:56, 100:103] = True
    assert len(prune(skeleton_graph(mask))) == 1
    mask[20:56, 200:203] = True
    assert len(prune(skeleton_graph(mask))) == 3


def test_a_wide_body_full_of_pinholes_is_traced_too(rng: np.random.Generator) -> None:
    assert skeleton_graph(rng.random((400, 400)) > 0.05).chains
