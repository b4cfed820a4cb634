"""A mask to the graph of its skeleton: chains of pixels between tips and junctions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.morphology import skeletonize, thin

__all__ = ["TIP", "Chain", "Graph", "skeleton_graph"]

Thinning = Callable[[NDArray[np.bool_]], NDArray[np.bool_]]

TIP = -1
"""Where a chain ends free, instead of the number of a junction."""
TILE_PX = 128
HALOS_PX = (16, 64)
"""Around every tile; the second where a crack is too wide for the first."""
COARSE = 4
"""Pixels to a side of the grid on which still wider ones are traced."""
AROUND = np.ones((3, 3), np.uint8)
NEAR_PX = 2
"""The middle of a crack is no further from its skeleton than its half width and this."""
SPECK_PX = 4
"""So many pixels without a skeleton are no line."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Skeleton pixels in order; `start` and `end` are junction numbers or `TIP`."""

    points: NDArray[np.float64]
    """(n, 2) row, column; the centre of a junction is the first or last point."""
    radii: NDArray[np.float64]
    """(n,) half width of the mask, px."""
    start: int
    end: int
    closed: bool = False

    @property
    def length_px(self) -> float:
        """Length along the pixels, px: up to 8 % too long, good enough to choose what to prune."""
        return float(np.hypot(*np.diff(self.points, axis=0).T).sum())

    def reversed(self) -> Chain:
        """The same pixels from the other end."""
        return Chain(self.points[::-1], self.radii[::-1], self.end, self.start, self.closed)


@dataclass(frozen=True, slots=True)
class Graph:
    """Chains and the junctions they meet in."""

    chains: list[Chain]
    junctions: NDArray[np.float64]
    """(j, 2) row, column of each junction."""


def skeleton_graph(mask: NDArray[np.bool_]) -> Graph:
    """Chains of the skeleton of a mask (h, w); the cost follows the area of the cracks, not of the picture.

    Bodies more than about 60 px wide are traced on a coarser grid, and change nothing for the cracks beside them.
    """
    found = skeleton_points(mask)
    if found is None:
        wide = wide_bodies(mask)
        return joined(skeleton_graph(mask & ~wide), enlarge(skeleton_graph(coarsen(wide))))
    points, radii = found
    if len(points) == 0:
        return Graph([], np.empty((0, 2)))
    pairs = neighbour_pairs(points, stride=mask.shape[1] + 2)
    return split_at_junctions(points, radii, pairs)


def wide_bodies(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected bodies (h, w) of a mask that are too wide somewhere for the halo of a tile."""
    plane = np.pad(mask, 1).view(np.uint8)
    _, numbers = cv2.connectedComponents(plane, connectivity=8)
    filled = np.asarray(cv2.medianBlur(plane, 3), dtype=np.uint8) | plane  # as `tile_skeleton` does
    distance = np.asarray(cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    too_wide = np.zeros(int(numbers.max()) + 1, np.bool_)
    too_wide[numbers[distance > HALOS_PX[-1] / 2 - 3]] = True  # less than there: its tiles cut the padding off
    too_wide[0] = False  # a pinhole is no body
    return np.asarray(too_wide[numbers[1:-1, 1:-1]])


def joined(first: Graph, second: Graph) -> Graph:
    """Two graphs of one picture as one."""
    offset = len(first.junctions)

    def moved(junction: int) -> int:
        return junction if junction == TIP else junction + offset

    chains = [replace(chain, start=moved(chain.start), end=moved(chain.end)) for chain in second.chains]
    return Graph([*first.chains, *chains], np.concatenate((first.junctions, second.junctions)))


def coarsen(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with one pixel for each block that holds any."""
    height, width = (-(-side // COARSE) for side in mask.shape)
    padded = np.pad(mask, ((0, height * COARSE - mask.shape[0]), (0, width * COARSE - mask.shape[1])))
    return np.asarray(padded.reshape(height, COARSE, width, COARSE).any(axis=(1, 3)))


def enlarge(graph: Graph) -> Graph:
    """The graph of a coarsened mask in pixels of the mask itself."""
    middle = (COARSE - 1) / 2
    chains = [
        replace(chain, points=chain.points * COARSE + middle, radii=chain.radii * COARSE) for chain in graph.chains
    ]
    return Graph(chains, graph.junctions * COARSE + middle)


class TileSkeleton(NamedTuple):
    """Skeleton pixels of a tile, in coordinates of the whole mask."""

    points: NDArray[np.int64]
    radii: NDArray[np.float64]
    """Half widths of the mask there."""
    eaten: NDArray[np.int64]
    """(m, 2) pixels of the mask, here or near, that are left without a skeleton."""


def skeleton_points(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Skeleton pixels (n, 2), in reading order, and the half width of the mask at each; None where it is too wide.

    That of Zhang and Suen (1984), which is twenty times faster than that of Guo and Hall (1989), but eats lines of even
    width that fall at 45 degrees: components in which it does so get theirs.
    """
    tiles = tile_skeletons(mask, skeletonize)
    if tiles is None:
        return None
    eaten = np.concatenate([np.empty((0, 2), np.int64), *(tile.eaten for tile in tiles)])
    points, radii = all_points(tiles)
    if len(eaten):
        _, numbers = cv2.connectedComponents(mask.view(np.uint8))
        part = np.isin(numbers, np.unique(numbers[tuple(eaten.T)]))
        again = tile_skeletons(part, thin)
        if again is None:
            return None
        filled = cv2.dilate(part.view(np.uint8), AROUND).view(np.bool_) & ~mask  # pinholes of the part, too
        stays = ~(part | filled)[tuple(points.T)]
        more, their_radii = all_points(again)
        points, radii = np.concatenate((points[stays], more)), np.concatenate((radii[stays], their_radii))
    order = np.lexsort((points[:, 1], points[:, 0]))
    return points[order], radii[order]


def all_points(tiles: Sequence[TileSkeleton]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Skeleton pixels (n, 2) of all tiles, and the half width at each (n,)."""
    points = np.concatenate([np.empty((0, 2), np.int64), *(tile.points for tile in tiles)])
    return points, np.concatenate([np.empty(0), *(tile.radii for tile in tiles)])


def tile_skeletons(mask: NDArray[np.bool_], thinning: Thinning) -> list[TileSkeleton] | None:
    """The skeleton of a mask in the pieces that its tiles hold; None where it is too wide.

    Works on the occupied tiles only. A skeleton pixel depends on pixels within about twice the half width; the halo
    of every tile holds that, so the result is the skeleton of the whole mask.
    """
    tiles = []
    for top, left in occupied_tiles(mask):
        tile = next(filter(None, (tile_skeleton(mask, top, left, halo, thinning) for halo in HALOS_PX)), None)
        if tile is None:
            return None
        tiles.append(tile)
    return tiles


def occupied_tiles(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Corners of the tiles that hold a crack pixel."""
    for top in range(0, mask.shape[0], TILE_PX):
        columns = np.flatnonzero(mask[top : top + TILE_PX].any(axis=0))
        yield from ((top, int(left) * TILE_PX) for left in np.unique(columns // TILE_PX))


def tile_skeleton(mask: NDArray[np.bool_], top: int, left: int, halo: int, thinning: Thinning) -> TileSkeleton | None:
    """The skeleton of a tile; None: too wide."""
    row, column = max(top - halo, 0), max(left - halo, 0)
    window = mask[row : top + TILE_PX + halo, column : left + TILE_PX + halo]
    widest = np.inf if window.shape == mask.shape else halo / 2 - 1
    rows, columns = np.flatnonzero(window.any(axis=1)), np.flatnonzero(window.any(axis=0))
    padded = np.pad(window[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1).view(np.uint8)
    row, column = row + int(rows[0]) - 1, column + int(columns[0]) - 1
    filled = np.asarray(cv2.medianBlur(padded, 3), dtype=np.uint8) | padded  # pinholes would make loops
    distance = np.asarray(cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32)
    core = distance[max(top - row, 0) : top + TILE_PX - row, max(left - column, 0) : left + TILE_PX - column]
    if core.max() > widest:
        return None
    skeleton = thinning(filled.view(np.bool_))
    inside = np.flatnonzero(skeleton)
    points = np.column_stack(np.divmod(inside, filled.shape[1])) + np.array((row, column))
    own = ((points >= (top, left)) & (points < (top + TILE_PX, left + TILE_PX))).all(axis=1)
    eaten = np.argwhere(eaten_of(distance, skeleton) & (padded > 0)) + np.array((row, column))
    return TileSkeleton(points[own], distance.ravel()[inside[own]] - 0.5, eaten if len(eaten) > SPECK_PX else eaten[:0])


def eaten_of(distance: NDArray[np.float32], skeleton: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Middles of a mask (h, w), whose pixels are so far from its border, without a skeleton near them."""
    away = cv2.distanceTransform((~skeleton).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    middles = (distance > 0) & (distance >= cv2.dilate(distance, AROUND))
    return np.asarray(middles & (away > distance + NEAR_PX))


def neighbour_pairs(points: NDArray[np.int64], stride: int) -> NDArray[np.int64]:
    """Pairs (m, 2) of touching pixels; a diagonal counts only where no straight step connects the two."""
    keys = (points[:, 0] + 1) * stride + points[:, 1] + 1

    def find(offset: int) -> NDArray[np.int64]:
        place = np.searchsorted(keys, keys + offset)
        place[place == len(keys)] = 0
        return np.where(keys[place] == keys + offset, place, -1)

    right, left, below = find(1), find(-1), find(stride)
    below_right, below_left = find(stride + 1), find(stride - 1)
    below_right[(right >= 0) | (below >= 0)] = -1
    below_left[(left >= 0) | (below >= 0)] = -1
    here = np.arange(len(keys))
    pairs = [np.column_stack((here, there))[there >= 0] for there in (right, below, below_right, below_left)]
    return np.concatenate(pairs)


def split_at_junctions(points: NDArray[np.int64], radii: NDArray[np.float64], pairs: NDArray[np.int64]) -> Graph:
    """Walk every chain once; touching pixels with three or more neighbours are one junction."""
    n = len(points)
    ends = np.concatenate((pairs, pairs[:, ::-1]))
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    degree = np.bincount(ends[:, 0], minlength=n)
    junction_of, centres = number_junctions(points, pairs, degree)
    first = np.concatenate(([0], np.cumsum(degree))).tolist()
    junctions = junction_of.tolist()

    chains = []
    for path, closed in walk(ends[:, 1].tolist(), first, junctions):
        start, end = junctions[path[0]], junctions[path[-1]]
        coordinates = points[path].astype(np.float64)
        for place, junction in ((0, start), (-1, end)):
            if junction != TIP:
                coordinates[place] = centres[junction]
        chains.append(Chain(coordinates, radii[path], start, end, closed))
    return Graph(chains, centres)


def number_junctions(
    points: NDArray[np.int64], pairs: NDArray[np.int64], degree: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For every pixel the number of its junction, or `TIP`, and the centres (j, 2) of the junctions."""
    n = len(points)
    inside = (degree[pairs] >= 3).all(axis=1)
    links = coo_array((np.ones(inside.sum()), tuple(pairs[inside].T)), shape=(n, n))
    _, labels = connected_components(links, directed=False)
    crowded = np.flatnonzero(degree >= 3)
    _, numbers = np.unique(labels[crowded], return_inverse=True)
    junction_of = np.full(n, TIP)
    junction_of[crowded] = numbers
    count = np.maximum(np.bincount(numbers), 1)
    centres = np.column_stack([np.bincount(numbers, points[crowded, axis]) / count for axis in (0, 1)])
    return junction_of, centres


def walk(neighbours: list[int], first: list[int], junctions: list[int]) -> Iterator[tuple[list[int], bool]]:
    """Every chain as a list of pixel numbers, and whether it is a closed loop.

    ``neighbours`` of pixel i are those from ``first[i]`` up to ``first[i + 1]``.
    """
    count = len(junctions)
    seen = bytearray(count)

    def follow(previous: int, here: int) -> list[int]:
        path = [previous, here]
        while junctions[here] == TIP and not seen[here]:
            seen[here] = 1
            at = first[here]
            if first[here + 1] - at == 1:
                break
            previous, here = here, neighbours[at + 1] if neighbours[at] == previous else neighbours[at]
            path.append(here)
        return path

    for pixel in range(count):
        around = neighbours[first[pixel] : first[pixel + 1]]
        if not around:
            yield [pixel], False
        elif junctions[pixel] != TIP:
            for other in around:
                if junctions[other] == TIP and not seen[other]:
                    yield follow(pixel, other), False
        elif len(around) == 1 and not seen[pixel]:
            seen[pixel] = 1
            yield follow(pixel, around[0]), False
    for pixel in range(count):
        if junctions[pixel] == TIP and first[pixel] < first[pixel + 1] and not seen[pixel]:
            seen[pixel] = 1
            yield follow(pixel, neighbours[first[pixel]]), True
