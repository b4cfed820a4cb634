"""A network starts from a checkpoint as transformers stores it: from all of it, or with one sentence."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    CLIPSegForImageSegmentation,
    Sam2Config,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2PromptEncoderConfig,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VisionModel,
    SamModel,
)

from crackwise.backends import load_predictor
from crackwise.backends.export import drawn_photo
from crackwise.errors import ModelError
from crackwise.models import build_model, clipseg, cracksam, sam2
from crackwise.models.checkpoints.fit import fitted
from crackwise.models.cost import build_on_meta
from crackwise.training.merge import merge
from crackwise.training.run import train
from short_runs import short_recipe

FRESH = ("mask_tokens", "output_hypernetworks_mlps", "iou_prediction_head")
SAM = {"size": "tiny", "input_px": 128}


def picture(side_px: int) -> Tensor:
    return torch.rand(1, 3, side_px, side_px, generator=torch.Generator().manual_seed(1))


def inside(model: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """The network inside its wrappers."""
    return next(module for module in model.modules() if isinstance(module, kind))


def is_fresh(name: str) -> bool:
    return any(word in name for word in FRESH)


def test_cracksam_at_the_side_of_its_base_computes_what_the_base_computes(sam_folder: Path, sam_net: SamModel) -> None:
    model = build_model("cracksam", ("crack", "joint"), base=str(sam_folder), **SAM).eval()
    loaded = inside(model, cracksam.CrackSAM)
    reference = cracksam.CrackSAM(sam_net)
    loaded.load_state_dict({n: t for n, t in reference.state_dict().items() if is_fresh(n)}, strict=False)
    with torch.no_grad():
        assert torch.equal(loaded(picture(128)), reference(picture(128)))


def test_at_another_side_exactly_the_position_map_and_the_global_tables_are_resampled(
    sam_folder: Path, sam_net: SamModel
) -> None:
    loaded = inside(build_model("cracksam", size="tiny", input_px=64, base=str(sam_folder)), cracksam.CrackSAM)
    base, now = sam_net.state_dict(), loaded.state_dict()
    differ = {
        n for n, t in now.items() if not is_fresh(n) and not (t.shape == base[n].shape and torch.equal(t, base[n]))
    }
    tables = {f"vision_encoder.layers.2.attn.rel_pos_{axis}" for axis in "hw"}
    assert differ == {"vision_encoder.pos_embed"} | tables

    def at(side: int, count: int) -> np.ndarray:
        return (np.arange(side) + 0.5) * count / side - 0.5

    table = base["vision_encoder.layers.2.attn.rel_pos_h"].numpy()
    columns = [np.interp(at(7, 15), np.arange(15), column) for column in table.T]
    np.testing.assert_allclose(now["vision_encoder.layers.2.attn.rel_pos_h"].numpy().T, columns, atol=1e-6)
    plane = base["vision_encoder.pos_embed"][0, :, :, 5].numpy()
    rows = np.stack([np.interp(at(4, 8), np.arange(8), row) for row in plane])
    expected = np.stack([np.interp(at(4, 8), np.arange(8), column) for column in rows.T]).T
    np.testing.assert_allclose(now["vision_encoder.pos_embed"][0, :, :, 5].numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("size", "count"), [("vit_b", 9), ("vit_l", 9), ("vit_h", 9)])
def test_of_a_published_checkpoint_nine_tensors_are_resampled_at_448_px(size: str, count: int) -> None:
    with torch.device("meta"):
        published, ours = (SamModel(cracksam.configuration(cracksam.SIZES[size], px, 4)) for px in (1024, 448))
    given = published.state_dict()
    tensors = fitted(ours.state_dict(), given, cracksam.stretches(cracksam.SIZES[size]))
    assert sum(tensors[name].shape != given[name].shape for name in given) == count
    assert {n: t.shape for n, t in tensors.items()} == {n: t.shape for n, t in ours.state_dict().items()}
    assert tensors["vision_encoder.layers.0.attn.rel_pos_h"].shape[0] == 27


def test_mask_tokens_and_their_networks_stay_as_drawn_from_the_seed(sam_folder: Path) -> None:
    torch.manual_seed(7)
    drawn = build_model("cracksam", **SAM).state_dict()
    torch.manual_seed(7)
    based = build_model("cracksam", base=str(sam_folder), **SAM).state_dict()
    same = {name for name in drawn if torch.equal(drawn[name], based[name])}
    assert same == {name for name in drawn if is_fresh(name)}


def test_sam2_computes_what_its_base_computes(sam2_folder: Path, sam2_net: Sam2VisionModel) -> None:
    loaded = inside(build_model("sam2", size="nano", input_px=64, base=str(sam2_folder)).eval(), sam2.Sam2FPN)
    with torch.no_grad():
        for ours, theirs in zip(
            loaded.encoder(picture(64)).fpn_hidden_states, sam2_net(picture(64)).fpn_hidden_states, strict=True
        ):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("with_memory", [False, True])
def test_sam2_takes_its_encoder_out_of_the_whole(tmp_path: Path, with_memory: bool) -> None:
    vision = sam2.configuration(sam2.SIZES["nano"], 64).to_dict()
    parts = {
        "prompt_encoder_config": Sam2PromptEncoderConfig(image_size=64).to_dict(),
        "mask_decoder_config": Sam2MaskDecoderConfig().to_dict(),
    }
    if with_memory:
        whole: nn.Module = Sam2VideoModel(Sam2VideoConfig(vision_config=vision, image_size=64, **parts))
    else:
        whole = Sam2Model(Sam2Config(vision_config=vision, **parts))
    whole.save_pretrained(tmp_path / "whole")
    loaded = inside(build_model("sam2", size="nano", input_px=96, base=str(tmp_path / "whole")), sam2.Sam2FPN)
    theirs = whole.vision_encoder.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in loaded.encoder.state_dict().items())


def test_clipseg_computes_what_its_base_computes(
    clipseg_folder: Path, clipseg_net: CLIPSegForImageSegmentation
) -> None:
    model = build_model("clipseg", size="tiny", prompts={"crack": ["wall crack"]}, base=str(clipseg_folder)).eval()
    loaded = inside(model, clipseg.CrackCLIPSeg)
    words = [49_406, *(ord(letter) - ord("!") for letter in "wal"), 256 + ord("l") - ord("!"), 515]
    tokens = torch.tensor([words + [49_407] * (77 - len(words))])
    assert torch.equal(loaded.tokens.long(), tokens)
    with torch.no_grad():
        theirs = clipseg_net(input_ids=tokens, pixel_values=picture(352)).logits
        torch.testing.assert_close(loaded(picture(352))[0], theirs.reshape(1, 352, 352), rtol=0, atol=1e-5)


def test_words_stay_with_the_weights(clipseg_folder: Path) -> None:
    based = build_model("clipseg", size="tiny", base=str(clipseg_folder)).eval()
    bare = build_model("clipseg", size="tiny").eval()
    bare.load_state_dict(based.state_dict())
    with torch.no_grad():
        assert torch.equal(bare(picture(64)), based(picture(64)))


def test_a_base_can_be_shown_without_its_memory(sam_folder: Path) -> None:
    model = build_on_meta("cracksam", base=str(sam_folder), **SAM)
    assert all(parameter.is_meta for parameter in model.parameters())


def change(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    """Edit the tensors of a checkpoint."""
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


WRONG: list[tuple[Callable[[dict[str, Tensor]], object], str]] = [
    (lambda t: t.pop("vision_encoder.pos_embed"), r"1 tensor is missing \(vision_encoder\.pos_embed\)"),
    (lambda t: t.update(extra=torch.zeros(2)), r"1 tensor is not expected \(extra\)"),
    (
        lambda t: t.update({"mask_decoder.iou_token.weight": torch.zeros(2, 256)}),
        r"wrong shape \(mask_decoder\.iou_token\.weight: 2x256 instead of 1x256\)",
    ),
    (lambda t: t["vision_encoder.neck.conv1.weight"][0].fill_(torch.nan), r"not finite \(vision_encoder\.neck\.conv1"),
    (lambda t: t["vision_encoder.pos_embed"][0].fill_(torch.inf), r"not finite \(vision_encoder\.pos_embed"),
    (lambda t: t.clear(), r"tensors are missing .* and \d+ more"),
]


@pytest.mark.parametrize(("edit", "says"), WRONG)
def test_every_tensor_that_does_not_fit_is_named(
    sam_folder: Path, edit: Callable[[dict[str, Tensor]], object], says: str
) -> None:
    change(sam_folder, edit)
    with pytest.raises(ModelError, match=says) as caught:
        build_model("cracksam", base=str(sam_folder), **SAM)
    assert str(sam_folder) in str(caught.value)


def test_a_base_of_another_size_says_which(sam_folder: Path, sam2_folder: Path, clipseg_folder: Path) -> None:
    with pytest.raises(ModelError, match=r"not of size=vit_b: hidden_size is 64, not 768.*Set size=tiny"):
        build_on_meta("cracksam", base=str(sam_folder))
    with pytest.raises(ModelError, match="Set size=nano"):
        build_on_meta("sam2", base=str(sam2_folder))
    with pytest.raises(ModelError, match="Set size=tiny"):
        build_on_meta("clipseg", base=str(clipseg_folder))


def test_a_base_of_no_published_size_is_refused_before_its_weights_are_read(sam_folder: Path) -> None:
    config = json.loads((sam_folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 10**9
    (sam_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"hidden_size is 1000000000, not 64\. Name a base of a size"):
        build_model("cracksam", base=str(sam_folder), **SAM)


def test_a_base_of_another_kind_is_refused(sam_folder: Path) -> None:
    with pytest.raises(ModelError, match="kind 'sam'; expected clipseg"):
        build_on_meta("clipseg", base=str(sam_folder))


class Bomb:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def rewritten(path: Path, **values: object) -> None:
    """Set these values of a config.json."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "cut weights": ("model.safetensors", lambda p: p.write_bytes(p.read_bytes()[:5000])),
    "text for weights": ("model.safetensors", lambda p: p.write_text("not weights")),
    "pickle for weights": ("model.safetensors", lambda p: p.write_bytes(pickle.dumps(Bomb(p.parent / "boom")))),
    "no weights": ("model.safetensors", lambda p: p.rename(p.with_name("pytorch_model.bin"))),
    "cut configuration": ("config.json", lambda p: p.write_bytes(p.read_bytes()[:100])),
    "a list for a configuration": ("config.json", lambda p: p.write_text("[]")),
    "a word for a number": ("config.json", lambda p: p.write_text(p.read_text().replace(": 14", ': "fourteen"'))),
    "attention that it has not": ("config.json", lambda p: rewritten(p, attn_implementation="flash_attention_2")),
    "no configuration": ("config.json", lambda p: p.unlink()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_base_is_one_sentence(sam_folder: Path, damage: str) -> None:
    name, destroy = DAMAGE[damage]
    destroy(sam_folder / name)
    with pytest.raises(ModelError, match=f"base '{sam_folder}'") as caught:
        build_model("cracksam", base=str(sam_folder), **SAM)
    assert "\n" not in str(caught.value)
    assert not (sam_folder / "boom").exists()


@pytest.mark.parametrize(
    "quantised",
    [{"quant_method": "bitsandbytes", "load_in_8bit": True}, {"quant_method": "gptq", "bits": 4}, {}, "int8"],
)
def test_a_quantised_base_is_refused(sam_folder: Path, quantised: object) -> None:
    rewritten(sam_folder / "config.json", quantization_config=quantised)
    with pytest.raises(ModelError, match=r"is quantised .* plain floating-point weights") as caught:
        build_model("cracksam", base=str(sam_folder), **SAM)
    assert "\n" not in str(caught.value)


def test_a_relative_folder_is_looked_up_from_the_working_directory(
    sam_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sam_folder.parent)
    build_on_meta("cracksam", base=sam_folder.name, **SAM)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(ModelError, match=f"no such folder below the working directory '{elsewhere}'"):
        build_on_meta("cracksam", base=f"./{sam_folder.name}", **SAM)


@pytest.mark.parametrize("files", [("vocab.json", "merges.txt"), ("vocab.json",)])
def test_clipseg_without_its_tokenizer_is_refused(clipseg_folder: Path, files: tuple[str, ...]) -> None:
    for name in files:
        (clipseg_folder / name).unlink()
    with pytest.raises(ModelError, match=r"tokenizer|damaged"):
        build_model("clipseg", size="tiny", base=str(clipseg_folder))


def test_a_tokenizer_that_knows_no_words_is_refused(clipseg_folder: Path) -> None:
    (clipseg_folder / "vocab.json").write_text('{"<|startoftext|>": 49406, "<|endoftext|>": 49407}')
    (clipseg_folder / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ModelError, match="cannot spell 'segment crack'"):
        build_model("clipseg", size="tiny", base=str(clipseg_folder))


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("./nothing/here", "no such folder"),
        ("a/b/c", "no such folder below the working directory"),
        ("/nothing/here", "there is no such folder, and"),
        ("weights/sam.pth", "no such folder"),
        (__file__, "model convert"),
    ],
)
def test_what_cannot_be_a_base_never_asks_the_net(base: str, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        build_on_meta("cracksam", base=base)


def test_offline_a_hub_name_is_one_sentence() -> None:
    command = [sys.executable, "-m", "crackwise", "show", "cracksam", "--set", "base=facebook/sam-vit-base"]
    done = subprocess.run(
        command, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if line]
    assert lines[-1].startswith(
        "error: No base 'facebook/sam-vit-base': there is no such folder below the working directory"
    )
    assert "as a name on the hub" in lines[-1]
    assert "Traceback" not in done.stderr


def test_a_run_spells_other_phrases_when_its_base_is_gone(
    clipseg_folder: Path, drawn_set: Path, tmp_path: Path
) -> None:
    model = {"name": "clipseg", "options": {"size": "tiny", "base": str(clipseg_folder)}}
    recipe = short_recipe(drawn_set, model, tuning="lora:2", data={"steps_per_epoch": 1}, optim={"epochs": 1})
    run = train(recipe, tmp_path / "run")
    photo = drawn_photo(60, 80, seed=1)
    before = load_predictor(run, prompts=("crack", "a b"))(photo)
    merge(run, tmp_path / "merged")
    shutil.rmtree(clipseg_folder)
    after = load_predictor(tmp_path / "merged", prompts=("crack", "a b"))(photo)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-4)
    assert np.abs(after[0] - after[1]).max() > 0
    further = recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": str(tmp_path / "merged")})})
    train(further, tmp_path / "further")
    assert load_predictor(tmp_path / "further", prompts=("crack",)).card.classes == ("crack",)
