"""A card says how large the tiles are that a network should be given."""

import pytest

from crackwise.data.feed import CrackDataModule
from crackwise.models import MODELS, build_model
from crackwise.training.card import tiling_of
from short_runs import short_recipe

ONE_SIZE = {
    "cracksam": {"size": "tiny", "input_px": 64},
    "sam2": {"size": "nano", "input_px": 64},
    "clipseg": {"size": "tiny"},
    "resnet50": {"size": "tiny", "input_px": 64},
}


@pytest.fixture
def tile_px(drawn_set):
    def tile_px(name, options, **augment):
        data = {"augment": augment, "labels_of": MODELS[name].answers}
        recipe = short_recipe(drawn_set, {"name": name, "options": options}, data=data)
        return tiling_of(CrackDataModule(recipe.data), build_model(name, **options)).tile_px

    return tile_px


@pytest.mark.parametrize("name", ONE_SIZE)
def test_a_network_of_one_size_is_given_what_it_learnt_from(name, tile_px):
    assert tile_px(name, ONE_SIZE[name], crop_px=448, scale=(1, 1)) == 448
    assert tile_px(name, ONE_SIZE[name], crop_px=352, scale=(0.55, 0.55)) == 640
    assert tile_px(name, ONE_SIZE[name], crop_px=100, scale=(0.5, 2)) == 100
    assert tile_px(name, ONE_SIZE[name], crop_px=448, kind="plain") == 64  # the drawn pictures


def test_a_network_of_any_size_takes_the_usual_tile(tile_px):
    assert tile_px("hrsegnet", {"base": 8}, crop_px=64) == 1024
