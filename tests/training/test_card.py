"""A card says how large the tiles are that a network should be given."""

from pathlib import Path

import pytest

from crackwise.models import build_model
from crackwise.training.card import tile_px_of
from short_runs import short_recipe

ONE_SIZE = {
    "cracksam": {"size": "tiny", "input_px": 64},
    "sam2": {"size": "nano", "input_px": 64},
    "clipseg": {"size": "tiny"},
}


def tile_px(name, options, **augment):
    recipe = short_recipe(Path("walls"), {"name": name, "options": options}, data={"augment": augment})
    return tile_px_of(recipe, build_model(name, **options))


@pytest.mark.parametrize("name", ONE_SIZE)
def test_a_network_of_one_size_is_given_what_it_learnt_from(name):
    assert tile_px(name, ONE_SIZE[name], crop_px=448, scale=(1, 1)) == 448
    assert tile_px(name, ONE_SIZE[name], crop_px=352, scale=(0.55, 0.55)) == 640
    assert tile_px(name, ONE_SIZE[name], crop_px=100, scale=(0.5, 2)) == 100


def test_a_network_of_any_size_takes_the_usual_tile():
    assert tile_px("hrsegnet", {"base": 8}, crop_px=64) == 1024
