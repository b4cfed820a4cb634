"""One crack, one number: cracks drawn on a wall over which the view moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from drive import draw_wall

from crackwise.measure import measure
from crackwise.watch import tracks
from crackwise.watch.motion import Glance, glance, scene_shift
from crackwise.watch.tracks import Followed, Tracker

HEIGHT, WIDTH = 240, 320
Corner = tuple[int, int]


def drive(wall: np.ndarray, corners: Iterable[Corner], tracker: Tracker) -> list[Followed]:
    """Follow the cracks of a wall seen from each corner (top, left)."""
    before: Glance | None = None
    followed = []
    for top, left in corners:
        view = np.ascontiguousarray(wall[top : top + HEIGHT, left : left + WIDTH])
        now = glance(view)
        cracks = measure(view, (view[:, :, 0] < 110).astype(np.float32))
        shift = scene_shift(before, now) if before else None
        followed.append(tracker.follow(cracks, (HEIGHT, WIDTH), shift))
        before = now
    return followed


def along(step: int, count: int, *, down: bool = False) -> Sequence[Corner]:
    return [(n * step, 20) if down else (20, n * step) for n in range(count)]


LONG = [(50, 130), (700, 150), (1150, 100)]
TALL = [(200, 60), (180, 500), (210, 900)]


@pytest.mark.parametrize(
    ("crack", "corners"),
    [
        (LONG, along(23, 36)),
        (LONG, along(23, 36)[::-1]),
        (TALL, along(17, 36, down=True)),
        (TALL, along(17, 36, down=True)[::-1]),
        (LONG, along(110, 8)),
        (LONG, [*along(23, 30), *along(23, 30)[::-1]]),
    ],
    ids=["right", "left", "down", "up", "a third of the view at a time", "to and fro"],
)
def test_a_crack_that_stays_in_view_is_one(crack: list[tuple[int, int]], corners: Sequence[Corner]) -> None:
    tracker = Tracker()
    followed = drive(draw_wall(1200, 960, [crack]), corners, tracker)
    assert tracker.count == 1
    assert {number for look in followed for number in look.ids} == {1}


def test_one_leaves_and_another_enters() -> None:
    tracker = Tracker()
    wall = draw_wall(1200, 300, [[(40, 60), (260, 200)], [(800, 60), (1100, 220)]])
    followed = drive(wall, along(40, 22), tracker)
    assert tracker.count == 2
    assert followed[0].ids == (1,)
    assert () in [look.ids for look in followed]
    assert followed[-1].ids == (2,)


def test_two_beside_each_other_stay_two() -> None:
    tracker = Tracker()
    followed = drive(draw_wall(1200, 300, [[(10, 90), (1190, 110)], [(10, 190), (1190, 170)]]), along(31, 28), tracker)
    assert tracker.count == 2
    assert all(sorted(look.ids) == [1, 2] for look in followed)


def test_two_that_cross_are_as_many_as_their_branches_on_one_picture() -> None:
    tracker = Tracker()
    followed = drive(draw_wall(1000, 300, [[(250, 40), (650, 260)], [(250, 260), (650, 40)]]), along(20, 35), tracker)
    assert 2 <= tracker.count <= max(len(look.ids) for look in followed) <= 5
    assert len({tuple(sorted(look.ids)) for look in followed[10:20]}) == 1


def test_a_wall_without_cracks_has_none() -> None:
    tracker = Tracker()
    assert drive(draw_wall(900, 300, []), along(40, 10), tracker)[-1].ids == ()
    assert tracker.count == 0


def test_pieces_that_turn_out_to_be_one_are_counted_once() -> None:
    def crack(first: int, last: int):
        view = np.full((HEIGHT, WIDTH), 200, np.uint8)
        view[118:122, first:last] = 50
        return measure(None, (view < 110).astype(np.float32))

    tracker = Tracker()
    assert tracker.follow([*crack(10, 140), *crack(180, 310)], (HEIGHT, WIDTH), None).ids == (1, 2)
    assert tracker.follow(crack(10, 310), (HEIGHT, WIDTH), (0.0, 0.0)) == Followed((1,), ((2, 1),))
    assert tracker.follow([*crack(10, 140), *crack(180, 310)], (HEIGHT, WIDTH), (0.0, 0.0)).ids == (1, 1)
    assert tracker.count == 1


def test_a_crack_that_is_missed_once_is_still_itself() -> None:
    wall = draw_wall(1200, 300, [[(10, 120), (1190, 150)]])
    tracker = Tracker()
    first, *_ = drive(wall, [(20, 0)], tracker)
    tracker.follow((), (HEIGHT, WIDTH), (0.0, -20.0))
    view = np.ascontiguousarray(wall[20 : 20 + HEIGHT, 40 : 40 + WIDTH])
    again = tracker.follow(measure(view, (view[:, :, 0] < 110).astype(np.float32)), (HEIGHT, WIDTH), (0.0, -20.0))
    assert again.ids == first.ids


def test_another_scene_has_other_cracks() -> None:
    tracker = Tracker()
    for seed in (1, 2):
        drive(draw_wall(WIDTH, HEIGHT, [[(20, 120), (300, 130)]], seed), [(0, 0)], tracker)
    assert tracker.count == 2


def test_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "MOST_TRACKS", 10)
    monkeypatch.setattr(tracks, "MOST_CELLS", 100)
    tracker = Tracker()
    short = [[(60 * n + 5, 130), (60 * n + 40, 140)] for n in range(30)]
    drive(draw_wall(1900, 300, [*short, [(0, 200), (1900, 210)]]), along(45, 34), tracker)
    assert len(tracker.tracks) == 10
    assert max(len(track.cells) for track in tracker.tracks.values()) <= 100
    assert tracker.count == 31
