"""Files that anyone made are scored as the model that made them."""

import cv2
import numpy as np
import pytest

from crackwise.data.folder import open_items
from crackwise.errors import DataError, ImageError
from crackwise.evaluation.answers.predictions import open_predictions
from crackwise.evaluation.evaluate import evaluate
from given_files import MASK_WAYS, STEMS, WAYS, Darkness, draw_walls, picture, write_maps, write_masks


@pytest.fixture
def items(tmp_path):
    return draw_walls(tmp_path / "walls")


def values(evaluation):
    return {name: score.value for name, score in evaluation.scores["all"].items()}


@pytest.mark.parametrize("way", WAYS)
def test_maps_are_scored_as_the_model_that_made_them(items, tmp_path, way):
    predictions = open_predictions(write_maps(tmp_path / "maps", items, way), items)
    assert predictions.to_dict()["kind"] == "probability maps"
    own, theirs = evaluate(Darkness(), items), evaluate(predictions, items, threshold=Darkness.card.threshold)
    if way.endswith("f32"):
        assert theirs.tallies == own.tallies
    assert values(theirs) == pytest.approx(values(own), abs=0.02, nan_ok=True)
    assert (theirs.threshold, theirs.threshold_source) == (0.6, "given")


@pytest.mark.parametrize("way", MASK_WAYS)
@pytest.mark.parametrize("threshold", [None, 0.01, 1.0])
def test_masks_are_scored_as_the_model_that_made_them_at_any_threshold(items, tmp_path, way, threshold):
    predictions = open_predictions(write_masks(tmp_path / "masks", items, way), items)
    assert predictions.are_masks
    found = evaluate(predictions, items, threshold=threshold)
    assert found.tallies == evaluate(Darkness(), items).tallies
    assert (found.threshold, found.threshold_source) == (
        (0.5, "default") if threshold is None else (threshold, "given")
    )


def test_a_threshold_of_nothing_takes_every_pixel_and_one_of_all_only_what_is_certain(items, tmp_path):
    predictions = open_predictions(write_maps(tmp_path / "maps", items, "npy f32"), items)
    everything, certain = (evaluate(predictions, items, threshold=level) for level in (0, 1))
    assert all(t.true_positives + t.false_positives == 40 * 50 for t in everything.tallies)
    assert all(t.true_positives + t.false_positives == 0 for t in certain.tallies)


def test_empty_and_full_masks_and_sets_of_one_picture(items, tmp_path):
    for name, level in (("empty", 0), ("full", 1)):
        (tmp_path / name).mkdir()
        picture(".png")(tmp_path / name / STEMS[0], np.full((40, 50), level, np.uint8))
        found = evaluate(open_predictions(tmp_path / name, items[:1]), items[:1])
        assert found.scores["all"]["pooled_recall"].value == level
        assert found.tallies[0].true_positives == level * 5 * 50


def test_a_one_is_faint_where_other_files_hold_steps(items, tmp_path):
    folder = write_maps(tmp_path / "maps", items, "png 8 bits")
    alone, ones = items[:1], np.ones((40, 50), np.uint8)
    picture(".png")(folder / STEMS[0], ones)
    assert open_predictions(folder, items).maps(items[0]).max() == pytest.approx(1 / 255)
    assert open_predictions(folder, alone).maps(items[0]).min() == 1


@pytest.mark.parametrize(("levels", "kind"), [(2, np.uint8), (255, np.uint16)])
def test_class_numbers_and_eight_bits_in_sixteen_are_not_taken_for_faint_cracks(items, tmp_path, levels, kind):
    (tmp_path / "p").mkdir()
    for item in items:
        picture(".png")(tmp_path / "p" / item.image.stem, np.full((40, 50), levels, kind))
    with pytest.raises(DataError, match="nowhere get beyond 0"):
        open_predictions(tmp_path / "p", items)


@pytest.mark.parametrize("level", [100, 127, 128, 254])
def test_masks_of_another_white_are_refused(items, tmp_path, level):
    (tmp_path / "p").mkdir()
    for item in items:
        levels = np.zeros((40, 50), np.uint8)
        levels[10:20] = level
        picture(".png")(tmp_path / "p" / item.image.stem, levels)
    with pytest.raises(DataError, match=f"are 0 and {level} alone"):
        open_predictions(tmp_path / "p", items)


def test_names_that_are_shared_are_told_apart_by_their_folders(tmp_path):
    for part in ("test", "train"):
        for kind in ("images", "masks"):
            (tmp_path / "walls" / kind / part).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "walls" / kind / part / "1.png"), np.full((9, 9), 255, np.uint8))
    items, folder = open_items(str(tmp_path / "walls")), tmp_path / "given"
    folder.mkdir()
    picture(".png")(folder / "1", np.ones((9, 9), np.uint8))
    with pytest.raises(DataError, match=r"2 that share a file .*: walls/test/1, walls/train/1"):
        open_predictions(folder, items)
    for part, level in (("test", 0), ("train", 1)):
        (folder / part).mkdir()
        picture(".png")(folder / part / "1", np.full((9, 9), level, np.uint8))
    with pytest.raises(DataError, match=r"2 with several: walls/test/1 \((test/)?1\.png, "):
        open_predictions(folder, items)
    (folder / "1.png").unlink()
    assert [open_predictions(folder, items).maps(item).max() for item in items] == [0, 1]


def test_what_is_missing_doubled_or_of_another_size_is_named(items, tmp_path):
    with pytest.raises(DataError, match="No folder of predictions at"):
        open_predictions(tmp_path / "nowhere", items)
    folder = write_masks(tmp_path / "masks", items)
    np.save(folder / f"{STEMS[0]}.npy", np.zeros((40, 50), bool))
    (folder / f"{STEMS[2]}.png").rename(folder / f"{STEMS[2]}.jpg")
    with pytest.raises(DataError) as refusal:
        open_predictions(folder, items)
    told = str(refusal.value)
    assert "1 without a prediction: walls/c_3" in told
    assert "1 with several: walls/a.b 1 (a.b 1.npy, a.b 1.png)" in told
    assert told.endswith("Files in other formats are passed over: 1 .jpg.")
    (folder / f"{STEMS[0]}.npy").unlink()
    picture(".png")(folder / STEMS[2], np.zeros((50, 40), np.uint8))
    with pytest.raises(DataError, match=r"c_3\.png is 40x50 px, its picture 50x40"):
        open_predictions(folder, items)


@pytest.mark.parametrize(
    ("plane", "told"),
    [
        (np.full((40, 50), 1.5, np.float32), "holds 1.5 to 1.5, not 0 to 1"),
        (np.full((40, 50), -0.1, np.float64), "holds -0.1 to -0.1, not 0 to 1"),
        (np.where(np.eye(40, 50) > 0, np.nan, 0), "holds nan, which is no number"),
        (np.full((40, 50), np.inf), "holds inf to inf, not 0 to 1"),
        (np.full((40, 50), 256, np.int32), "holds 256 to 256, not 0 to 255"),
        (np.full((40, 50), -1, np.int8), "holds -1 to -1, not 0 to 255"),
        (np.full((40, 50), "crack"), "holds <U5, no numbers"),
        (np.full((40, 50), 1j), "holds complex128, no numbers"),
    ],
    ids=str,
)
def test_numbers_that_are_no_probabilities_are_refused(items, tmp_path, plane, told):
    (tmp_path / "p").mkdir()
    np.save(tmp_path / "p" / f"{STEMS[0]}.npy", plane)
    with pytest.raises(DataError, match=f"npy {told}"):
        open_predictions(tmp_path / "p", items[:1])


def test_a_file_that_cannot_be_read_is_named(items, tmp_path):
    folder = write_masks(tmp_path / "masks", items)
    (folder / f"{STEMS[0]}.png").write_text("a note")
    with pytest.raises(ImageError, match=r"a\.b 1\.png"):
        open_predictions(folder, items)


def test_the_fingerprint_follows_names_and_contents_and_not_the_order(items, tmp_path):
    folder = write_masks(tmp_path / "masks", items)
    known = open_predictions(folder, items).sha256
    assert open_predictions(folder, [*items[::-1], items[0]]).sha256 == known
    picture(".png")(folder / STEMS[0], np.zeros((40, 50), np.uint8))
    assert open_predictions(folder, items).sha256 != known
