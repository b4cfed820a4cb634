"""The lab's commands answer as promised."""

import json
from pathlib import Path

import pytest
import typer
import yaml
from safetensors.torch import save_file
from typer.testing import CliRunner

from crackwise.cli.lab import LISTS, options_of, register
from crackwise.errors import ModelError, RecipeError
from crackwise.models import MODELS, build_model
from crackwise.models.tuning import TUNINGS
from crackwise.predictor import ModelCard


def invoke(*arguments: str) -> str:
    """The text a command printed; its error is raised."""
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_show_counts_hrsegnet_as_published() -> None:
    facts = json.loads(invoke("show", "hrsegnet", "--set", "base=16", "--json"))
    assert facts["parameters_total"] == 609_942
    assert facts["parameters_trainable"] == 609_942
    assert facts["parameters_deployed"] == 605_106
    assert facts["input_px"] == 400
    assert "2307.00270" in facts["paper"]
    assert facts["options"] == {"base": 16, "depth": 3, "variant": "published", "project_first": True}


def test_show_in_words() -> None:
    text = invoke("show", "hrsegnet", "--set", "base=48", "--set", "project_first=false")
    assert "5,467,830 in training, 5,425,682 deployed" in text
    assert "4.936 G multiply-adds at 400 px" in text


@pytest.mark.parametrize("name", MODELS)
def test_show_knows_every_row(name: str) -> None:
    facts = json.loads(invoke("show", name, "--json"))
    assert facts["parameters_total"] >= facts["parameters_deployed"] > 100_000
    assert facts["multiply_adds_400_px"] > 1e8


def test_show_of_an_unknown_model_names_its_neighbour() -> None:
    with pytest.raises(ModelError, match="Did you mean 'hrsegnet'"):
        invoke("show", "hrsegnt")


def test_show_prints_the_card_of_a_run(tmp_path: Path) -> None:
    options = {"base": 2, "depth": 1}
    recipe = {"name": "tiny", "model": {"name": "hrsegnet", "options": options}, "data": {"train": ["a"], "val": ["b"]}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (tmp_path / "card.json").write_text(ModelCard(name="tiny", version="1", threshold=0.35).model_dump_json())
    save_file(build_model("hrsegnet", **options).state_dict(), tmp_path / "weights.safetensors")
    facts = json.loads(invoke("show", str(tmp_path), "--json"))
    assert (facts["name"], facts["threshold"], facts["runtime"]) == ("tiny", 0.35, "torch")
    assert "threshold: 0.35" in invoke("show", str(tmp_path))


@pytest.mark.parametrize("setting", ["base", "=3", "base=[1", "tuning=", "tuning= "])
def test_a_setting_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(ModelError, match="--set"):
        options_of([setting])


@pytest.mark.parametrize(
    ("tuning", "says"),
    [
        ("[{kind: lora, rnak: 4}]", r"^tuning\.0\.lora\.rnak: "),
        ("lora:four", r"^tuning\.0\.lora\.rank: .*list tunings"),
        ("[]", "^tuning: "),
        ("lorra", "^tuning: .*no tuning 'lorra'"),
    ],
)
def test_a_wrong_tuning_is_named_by_its_path(tuning: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        invoke("show", "hrsegnet", "--set", f"tuning={tuning}")


def test_settings_are_typed() -> None:
    assert options_of(["base=32", "variant=tiled", "project_first=false"]) == {
        "base": 32,
        "variant": "tiled",
        "project_first": False,
    }


@pytest.mark.parametrize("what", sorted(LISTS.keys() - {"tunings"}))
def test_list_says_one_line_per_row(what: str) -> None:
    rows = json.loads(invoke("list", what, "--json"))
    lines = invoke("list", what).splitlines()
    assert len(rows) == len(lines) > 0
    assert all(line.startswith(row["name"]) and row["summary"] for row, line in zip(rows, lines, strict=True))


def test_list_tunings_names_every_setting_with_its_choices_and_default() -> None:
    rows = {row["name"].split(":")[0]: row for row in json.loads(invoke("list", "tunings", "--json"))}
    assert rows.keys() == TUNINGS.keys()
    for kind, (config, _) in TUNINGS.items():
        fields = {name: field.default for name, field in config.model_fields.items() if name != "kind"}
        assert {setting["name"]: setting["default"] for setting in rows[kind]["settings"]} == fields
        assert all(setting["summary"] for setting in rows[kind]["settings"])
    lines = invoke("list", "tunings").splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "full: Every weight."
    assert any("targets  q | v | qv | qkvo | mlp | all; default qv" in line for line in lines)
    assert any("dropout  number from 0 below 1; default 0.0" in line for line in lines)


def test_list_of_something_else_says_what_there_is() -> None:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["list", "engines"])
    assert result.exit_code == 2
    assert "models" in result.output


def test_list_datasets_says_how_labels_are_drawn_and_where_the_files_are() -> None:
    rows = {row["name"]: row for row in json.loads(invoke("list", "datasets", "--json"))}
    assert rows["crack500"]["stroke"] == "wide"
    assert rows["drywall_joints"]["classes"] == "drywall joint"
    assert rows["deepcrack"]["get"] == "crackwise data fetch deepcrack"


def test_train_says_where_the_run_lies_its_threshold_and_what_leaked(
    drawn_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(yaml.safe_dump({"model": {"name": "hrsegnet"}, "data": {"train": ["x"], "val": ["y"]}}))
    monkeypatch.chdir(tmp_path)
    sets = (f"data.train=[{drawn_set}:train, {drawn_set}:val]", f"data.val=[{drawn_set}:val]", "data.steps_per_epoch=1")
    small = ("data.batch_size=2", "data.augment.crop_px=32", "optim.epochs=1", "trainer.accelerator=cpu")
    settings = [part for setting in (*sets, *small, "data.allow_leakage=true") for part in ("--set", setting)]
    text = invoke("train", str(recipe), *settings)
    assert "lie in runs/tiny. Threshold 0." in text
    assert "Leakage: 4 pictures of training" in text
    assert "crackwise export runs/tiny --to onnx" in text


def test_train_refuses_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Cannot read"):
        invoke("train", str(tmp_path / "none.yaml"))
