import numpy as np
import pytest

from answers import soft_answer
from crackwise.errors import CrackwiseError, DataError
from crackwise.evaluation.compare.kept import COUNTS_FILE, SetToKeep, clear_kept, folders_of, read_kept, write_kept
from crackwise.evaluation.metrics import FAMILIES
from crackwise.imaging.overlay import encode_png
from crackwise.tally import Tally, tally


def some_set(names, threshold=0.5):
    target = np.zeros((9, 9), np.uint8)
    target[4] = 1
    masks = [np.roll(target, i, axis=0) for i in range(len(names))]
    counts = {"mask": [tally(mask > 0, target) for mask in masks]}
    pngs = [encode_png(mask * np.uint8(255)) for mask in masks]
    return SetToKeep(names, [name[:-1] for name in names], threshold, "given", "crack", counts, pngs)


def test_what_is_kept_is_read_back(tmp_path):
    walls = some_set(["walls/test/a.b 1", "walls/test/ä:2", "walls/test/c3"])
    write_kept(tmp_path, "dark 1", "c0ffee", {"walls:test": walls})
    kept = read_kept(tmp_path)
    of_set = kept.sets["walls:test"]
    assert (kept.model, kept.sha256) == ("dark 1", "c0ffee")
    assert of_set[:5] == (tuple(walls.names), tuple(walls.groups), 0.5, "given", "crack")
    assert isinstance(of_set.counts["mask"], Tally)
    assert of_set.counts["mask"].true_positives.tolist() == [9, 0, 0]
    assert [path.read_bytes() for path in of_set.masks] == list(walls.masks)
    assert of_set.masks[0] == tmp_path / "masks" / "walls_test" / "walls/test/a.b 1.png"


def test_a_second_evaluation_takes_the_place_of_the_first(tmp_path):
    write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1", "x/a2"]), "y": some_set(["y/a1"])})
    write_kept(tmp_path, "b", "2", {"x": some_set(["x/a2"])})
    assert read_kept(tmp_path).model == "b"
    assert [path.name for path in (tmp_path / "masks").rglob("*.png")] == ["a2.png"]


def test_sets_labelled_picture_by_picture_keep_nothing_of_pixels(tmp_path):
    write_kept(tmp_path, "a", "1", {})
    assert read_kept(tmp_path).sets == {}


def test_what_is_missing_or_damaged_is_said(tmp_path):
    with pytest.raises(DataError, match="holds no counts"):
        read_kept(tmp_path)
    write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1"])})
    read_kept(tmp_path).sets["x"].masks[0].unlink()
    with pytest.raises(DataError, match="1 masks that"):
        read_kept(tmp_path)


@pytest.mark.parametrize("left", [2, 300, -30])
def test_counts_that_are_cut_short_are_damaged(tmp_path, left):
    write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1"])})
    (tmp_path / COUNTS_FILE).write_bytes((tmp_path / COUNTS_FILE).read_bytes()[:left])
    with pytest.raises(DataError, match="is damaged"):
        read_kept(tmp_path)


def test_counts_with_a_flipped_byte_are_damaged(tmp_path):
    write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1"])})
    content = (tmp_path / COUNTS_FILE).read_bytes()
    (tmp_path / COUNTS_FILE).write_bytes(content[:120] + bytes(byte ^ 255 for byte in content[120:140]) + content[140:])
    with pytest.raises(DataError, match="is damaged"):
        read_kept(tmp_path)


def test_masks_that_no_evaluation_left_stay(tmp_path):
    (tmp_path / "masks").mkdir()
    write_kept(tmp_path, "a", "1", {})  # an empty folder is nobody's
    (tmp_path / COUNTS_FILE).unlink()
    (tmp_path / "masks").mkdir(exist_ok=True)
    (tmp_path / "masks" / "label.png").touch()
    with pytest.raises(CrackwiseError, match="may be labels"):
        write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1"])})
    assert [path.name for path in tmp_path.rglob("*")] == ["masks", "label.png"]


def test_what_is_taken_away_is_gone_until_it_is_written_again(tmp_path):
    write_kept(tmp_path, "a", "1", {"x": some_set(["x/a1"])})
    clear_kept(tmp_path)
    assert not (tmp_path / "masks").exists()
    with pytest.raises(DataError, match=r"of 'unfinished', not 'crackwise\.kept/1'; evaluate again"):
        read_kept(tmp_path)


def test_every_family_of_counts_comes_back(tmp_path):
    answer = soft_answer(0)
    of_set = some_set(["x/a1"])._replace(counts={name: [count(answer)] for name, count in FAMILIES.items()})
    write_kept(tmp_path, "a", "1", {"x": of_set})
    back = read_kept(tmp_path).sets["x"].counts
    assert list(back) == list(FAMILIES)
    for family, (known,) in of_set.counts.items():
        assert type(back[family]) is type(known)
        for field, value in zip(back[family], known, strict=True):
            np.testing.assert_array_equal(field, np.asarray(value, np.float64)[None])


def test_no_two_sets_share_a_folder():
    folders = folders_of({"a:b": 0, "a_b": 0, "../a/b": 0, "..": 0})
    assert list(folders.values()) == ["a_b", "a_b_2", "a_b_3", "set"]
