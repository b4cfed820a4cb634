"""Only what speaks of the same pictures, labels and question is compared."""

import pytest

from crackwise.errors import DataError
from crackwise.evaluation.compare.results import read_contests
from evaluation.compare.conftest import crack


def blind(i):
    return crack(i) & False


def test_two_models_meet_on_the_set_they_share(evaluated, walls):
    (contest,), notes = read_contests([evaluated("good 1", crack), evaluated("blind 1", blind)])
    assert (contest.reference, list(contest.models), notes) == (str(walls), ["good 1", "blind 1"], [])
    assert len(contest.names) == len(contest.groups) == 9
    good, none = contest.counts("mask").values()
    assert good[0].true_positives == none[0].false_negatives == crack(0).sum()


def test_the_order_of_pictures_does_not_matter(evaluated):
    (contest,), _ = read_contests([evaluated("a", crack), evaluated("b", crack, pictures=range(8, -1, -1))])
    first, second = contest.counts("mask").values()
    assert first == second
    assert [mask.stem for mask in contest.models["b"].masks] == [name.split("/")[1] for name in contest.names]


def test_pictures_that_any_model_has_met_are_left_out_for_all(evaluated):
    results = [evaluated("a", crack, leaks=["walls/w3"]), evaluated("b", crack, leaks=["walls/w3", "walls/w5"])]
    (contest,), _ = read_contests(results)
    assert contest.left_out == {"a": 1, "b": 2}
    assert len(contest.names) == 7
    assert "walls/w5" not in contest.names


def test_nothing_is_compared_where_every_picture_is_known(evaluated):
    everything = [f"walls/w{i}" for i in range(9)]
    with pytest.raises(DataError, match="new to all of a, b"):
        read_contests([evaluated("a", crack), evaluated("b", crack, leaks=everything)])


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"pictures": range(8)}, "9 and 8 pictures, 1 of them in one alone, as 'walls/w8'"),
        ({"labels": lambda i: crack(i, 6)}, "8 labels are not the same, that of walls/w0 first"),
        ({"group": "wall"}, "group the pictures into other photographs"),
        ({"noise": "blur"}, "noise is None for one, 'blur' for the other"),
        ({"absent": True}, "absent"),
        ({"reference": "roads"}, "share no set"),
    ],
)
def test_results_that_do_not_go_together_are_refused(evaluated, told, why):
    with pytest.raises(DataError, match=why):
        read_contests([evaluated("a", crack), evaluated("b", crack, **told)])


def test_what_is_not_quite_alike_is_said(evaluated):
    results = [evaluated("a", crack), evaluated("b", crack, source="given", open_close=True)]
    (contest,), _ = read_contests(results)
    thresholds, asked = contest.notes
    assert "a: card; b: given" in thresholds
    assert "open_close (a: False; b: True)" in asked


def test_one_result_or_none_is_no_comparison(evaluated, tmp_path):
    with pytest.raises(DataError, match="at least two"):
        read_contests([evaluated("a", crack)])
    with pytest.raises(DataError, match="crackwise evaluate"):
        read_contests([tmp_path, tmp_path])


def test_results_of_one_model_go_by_their_folders(evaluated, tmp_path):
    first = evaluated("a", crack).rename(tmp_path / "at 0.3")
    second = evaluated("a", blind).rename(tmp_path / "at 0.5")
    (contest,), _ = read_contests([first, second])
    assert list(contest.models) == ["a (at 0.3)", "a (at 0.5)"]
    with pytest.raises(DataError, match="rename"):
        read_contests([first, first])


def test_a_family_that_was_not_counted_is_asked_for(evaluated):
    (contest,), _ = read_contests([evaluated("a", crack), evaluated("b", crack)])
    with pytest.raises(DataError, match="evaluate it again"):
        contest.counts("lines")
