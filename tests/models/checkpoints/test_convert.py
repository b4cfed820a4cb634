"""An original file becomes a folder that gives the same network, or one sentence and nothing on the disk."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPSegForImageSegmentation, Sam2VisionModel, SamModel
from typer.testing import CliRunner

from crackwise.cli import app
from crackwise.errors import CrackwiseError, ModelError
from crackwise.models import build_model, clipseg
from crackwise.models.checkpoints.convert import convert

State = dict[str, Tensor]


def layer(name: str, module: nn.Module) -> State:
    """Weight and bias under a name."""
    return {f"{name}.{part}": tensor.clone() for part, tensor in module.state_dict().items()}


def mlp(name: str, module: Any) -> State:
    """The three layers of one of SAM's MLPs."""
    first, last = layer(f"{name}.layers.0", module.proj_in), layer(f"{name}.layers.2", module.proj_out)
    return first | layer(f"{name}.layers.1", module.layers[0]) | last


def segment_anything(net: SamModel) -> State:
    """The tensors of SAM as its authors name them, module by module."""
    vision, prompt, decoder = net.vision_encoder, net.prompt_encoder, net.mask_decoder
    state = {"image_encoder.pos_embed": vision.pos_embed.detach()}
    state |= layer("image_encoder.patch_embed.proj", vision.patch_embed.projection)
    for i, block in enumerate(vision.layers):
        here = f"image_encoder.blocks.{i}"
        state |= layer(f"{here}.norm1", block.layer_norm1) | layer(f"{here}.norm2", block.layer_norm2)
        state |= {f"{here}.attn.rel_pos_{axis}": getattr(block.attn, f"rel_pos_{axis}").detach() for axis in "hw"}
        state |= layer(f"{here}.attn.qkv", block.attn.qkv) | layer(f"{here}.attn.proj", block.attn.proj)
        state |= layer(f"{here}.mlp.lin1", block.mlp.lin1) | layer(f"{here}.mlp.lin2", block.mlp.lin2)
    neck = vision.neck
    for i, part in enumerate((neck.conv1, neck.layer_norm1, neck.conv2, neck.layer_norm2)):
        state |= layer(f"image_encoder.neck.{i}", part)
    fourier = net.shared_image_embedding.positional_embedding.detach()
    state["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] = fourier
    for i, point in enumerate(prompt.point_embed):
        state |= layer(f"prompt_encoder.point_embeddings.{i}", point)
    state |= layer("prompt_encoder.not_a_point_embed", prompt.not_a_point_embed)
    state |= layer("prompt_encoder.no_mask_embed", prompt.no_mask_embed)
    masks = prompt.mask_embed
    downscaling = {0: masks.conv1, 1: masks.layer_norm1, 3: masks.conv2, 4: masks.layer_norm2, 6: masks.conv3}
    for i, part in downscaling.items():
        state |= layer(f"prompt_encoder.mask_downscaling.{i}", part)
    return state | segment_anything_decoder(decoder)


def segment_anything_decoder(decoder: Any) -> State:
    """The mask decoder."""
    state = layer("mask_decoder.iou_token", decoder.iou_token) | layer("mask_decoder.mask_tokens", decoder.mask_tokens)
    here = "mask_decoder.transformer"
    for i, block in enumerate(decoder.transformer.layers):
        for n in (1, 2, 3, 4):
            state |= layer(f"{here}.layers.{i}.norm{n}", getattr(block, f"layer_norm{n}"))
        for kind in ("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token"):
            state |= layer(f"{here}.layers.{i}.{kind}", getattr(block, kind))
        state |= layer(f"{here}.layers.{i}.mlp", block.mlp)
    state |= layer(f"{here}.final_attn_token_to_image", decoder.transformer.final_attn_token_to_image)
    state |= layer(f"{here}.norm_final_attn", decoder.transformer.layer_norm_final_attn)
    upscaling = {0: decoder.upscale_conv1, 1: decoder.upscale_layer_norm, 3: decoder.upscale_conv2}
    for i, part in upscaling.items():
        state |= layer(f"mask_decoder.output_upscaling.{i}", part)
    for i, network in enumerate(decoder.output_hypernetworks_mlps):
        state |= mlp(f"mask_decoder.output_hypernetworks_mlps.{i}", network)
    return state | mlp("mask_decoder.iou_prediction_head", decoder.iou_prediction_head)


def segment_anything_2(net: Sam2VisionModel) -> dict[str, State]:
    """The image encoder of SAM 2 as its authors name it, and a little of the rest."""
    trunk, here = net.backbone, "image_encoder.trunk"
    state = {f"{here}.{name}": getattr(trunk, name).detach() for name in ("pos_embed", "pos_embed_window")}
    state |= layer(f"{here}.patch_embed.proj", trunk.patch_embed.projection)
    for i, block in enumerate(trunk.blocks):
        at = f"{here}.blocks.{i}"
        state |= layer(f"{at}.norm1", block.layer_norm1) | layer(f"{at}.norm2", block.layer_norm2)
        state |= layer(f"{at}.attn.qkv", block.attn.qkv) | layer(f"{at}.attn.proj", block.attn.proj)
        state |= layer(f"{at}.mlp.layers.0", block.mlp.proj_in) | layer(f"{at}.mlp.layers.1", block.mlp.proj_out)
        if block.dim != block.dim_out:
            state |= layer(f"{at}.proj", block.proj)
    for i, convolution in enumerate(net.neck.convs):
        state |= layer(f"image_encoder.neck.convs.{i}.conv", convolution)
    memory = ("maskmem_tpos_enc", "no_mem_embed", "sam_mask_decoder.iou_token.weight", "obj_ptr_proj.layers.0.weight")
    return {"model": state | {name: torch.zeros(1) for name in memory}}


def clipseg_decoder(net: CLIPSegForImageSegmentation) -> State:
    """The decoder as CLIPSeg's authors name it, with the layer that they make and never call."""
    decoder = net.decoder
    state = layer("film_mul", decoder.film_mul) | layer("film_add", decoder.film_add)
    for i, reduce in enumerate(decoder.reduces):
        state |= layer(f"reduces.{i}", reduce)
    for i, block in enumerate(decoder.layers):
        attention = block.self_attn
        for part in ("weight", "bias"):
            fused = [getattr(projection, part) for projection in (attention.q_proj, attention.k_proj, attention.v_proj)]
            state[f"blocks.{i}.self_attn.in_proj_{part}"] = torch.cat(fused).detach()
        state |= layer(f"blocks.{i}.self_attn.out_proj", attention.out_proj)
        state |= layer(f"blocks.{i}.linear1", block.mlp.fc1) | layer(f"blocks.{i}.linear2", block.mlp.fc2)
        state |= layer(f"blocks.{i}.norm1", block.layer_norm1) | layer(f"blocks.{i}.norm2", block.layer_norm2)
    for i in (0, 2, 4):
        state |= layer(f"trans_conv.{i}", decoder.transposed_convolution[i])
    return state | layer("reduce", nn.Linear(32, 16))


def logits(name: str, base: Path, **options: object) -> Tensor:
    """What a network from this base answers to noise."""
    torch.manual_seed(5)
    model = build_model(name, base=str(base), **options).eval()
    with torch.no_grad():
        return model(torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(2)))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_segment_anything_gives_the_network_it_was_written_from(
    tmp_path: Path, sam_net: SamModel, sam_folder: Path, zipped: bool
) -> None:
    torch.save(segment_anything(sam_net), tmp_path / "sam.pth", _use_new_zipfile_serialization=zipped)
    assert convert(tmp_path / "sam.pth", "cracksam", tmp_path / "out") == "tiny"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]
    options = {"size": "tiny", "input_px": 128}
    assert torch.equal(logits("cracksam", tmp_path / "out", **options), logits("cracksam", sam_folder, **options))
    again = SamModel.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in sam_net.state_dict().items())


def test_a_file_of_sam2_gives_the_network_it_was_written_from(
    tmp_path: Path, sam2_net: Sam2VisionModel, sam2_folder: Path
) -> None:
    torch.save(segment_anything_2(sam2_net), tmp_path / "sam2.pt")
    assert convert(tmp_path / "sam2.pt", "sam2", tmp_path / "out") == "nano"
    options = {"size": "nano", "input_px": 64}
    assert torch.equal(logits("sam2", tmp_path / "out", **options), logits("sam2", sam2_folder, **options))


def test_a_decoder_of_clipseg_gives_the_network_it_was_written_from(
    tmp_path: Path, clipseg_net: CLIPSegForImageSegmentation, clipseg_folder: Path, clip_folder: Path
) -> None:
    torch.save(clipseg_decoder(clipseg_net), tmp_path / "rd.pth")
    assert convert(tmp_path / "rd.pth", "clipseg", tmp_path / "out", clip=str(clip_folder)) == "tiny"
    assert torch.equal(logits("clipseg", tmp_path / "out", size="tiny"), logits("clipseg", clipseg_folder, size="tiny"))


def test_the_clip_below_a_decoder_must_be_named_and_right(
    tmp_path: Path, clipseg_net: CLIPSegForImageSegmentation, sam_folder: Path, clip_folder: Path
) -> None:
    path = tmp_path / "rd.pth"
    torch.save(clipseg_decoder(clipseg_net), path)
    with pytest.raises(ModelError, match="--clip openai/clip-vit-base-patch16"):
        convert(path, "clipseg", tmp_path / "out")
    with pytest.raises(ModelError, match="kind 'sam'; expected clip"):
        convert(path, "clipseg", tmp_path / "out", clip=str(sam_folder))
    config = clip_folder / "config.json"
    config.write_text(config.read_text().replace('"num_attention_heads": 4', '"num_attention_heads": 2'))
    with pytest.raises(ModelError, match="not the one below this decoder"):
        convert(path, "clipseg", tmp_path / "out", clip=str(clip_folder))
    with pytest.raises(ModelError, match="for clipseg alone"):
        convert(path, "cracksam", tmp_path / "out", clip=str(clip_folder))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", clipseg.SIZES)
def test_the_sizes_of_clipseg_are_told_apart_by_their_tensors(size: str) -> None:
    facts = [clipseg.facts(clipseg.configuration(name)) for name in clipseg.SIZES]
    assert facts.count(clipseg.facts(clipseg.configuration(size))) == 1


class Bomb:
    """Unpickling it would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def cut(path: Path, state: State) -> None:
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def bomb_in_zip(path: Path, state: State) -> None:
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(
                name, pickle.dumps(Bomb(path.parent / "boom"), 2) if name.endswith("data.pkl") else content
            )


def nan(path: Path, state: State) -> None:
    state["image_encoder.neck.0.weight"][3] = torch.nan
    torch.save(state, path)


POSITIONS = "image_encoder.pos_embed"
HOSTILE: dict[str, tuple[Callable[[Path, State], object], str]] = {
    "cut": (cut, "is damaged"),
    "random": (lambda p, _: p.write_bytes(np.random.default_rng(0).bytes(5000)), "is damaged"),
    "empty": (lambda p, _: p.write_bytes(b""), "is damaged"),
    "text": (lambda p, _: p.write_text("<html>404</html>"), "is damaged"),
    "onnx": (lambda p, _: p.write_bytes(b"\x08\x07\x12\x07pytorch\x1a\x032.0:\x80\x01"), "is damaged"),
    "pickle bomb": (lambda p, _: p.write_bytes(pickle.dumps(Bomb(p.parent / "boom"))), "is damaged|wants to call"),
    "bomb in a dict": (lambda p, s: torch.save(s | {"x": Bomb(p.parent / "boom")}, p), r"wants to call \w+\.mkdir"),
    "bomb in a zip": (bomb_in_zip, r"wants to call \w+\.mkdir"),
    "a whole network": (lambda p, _: torch.save(nn.Linear(2, 2), p), "wants to call"),
    "missing": (lambda p, s: torch.save({n: t for n, t in s.items() if n != POSITIONS}, p), "missing .*pos_embed"),
    "extra": (lambda p, s: torch.save(s | {"more": torch.zeros(1)}, p), r"not expected \(more\)"),
    "shape": (lambda p, s: torch.save(s | {POSITIONS: torch.zeros(1, 8, 8, 3)}, p), "1x8x8x3 instead of 1x8x8x64"),
    "no side": (lambda p, s: torch.save(s | {POSITIONS: torch.zeros(())}, p), "a single number instead of"),
    "huge": (lambda p, s: torch.save(s | {POSITIONS: torch.zeros(1).expand(1, 10**6, 10**6, 64)}, p), "wrong shape"),
    "integers": (lambda p, s: torch.save(s | {POSITIONS: torch.zeros(1, 8, 8, 64).int()}, p), "not floating-point"),
    "sparse": (lambda p, s: torch.save(s | {POSITIONS: torch.eye(4).to_sparse()}, p), "holds no weights"),
    "nan": (nan, r"not finite \(image_encoder\.neck\.0\.weight\)"),
    "a list": (lambda p, s: torch.save(list(s.values()), p), "holds no weights"),
    "wrapped": (lambda p, s: torch.save({"model": s}, p), "holds no weights"),
    "nothing": (lambda p, _: torch.save({}, p), "holds no weights"),
    "numbers for names": (lambda p, s: torch.save(dict(enumerate(s.values())), p), "holds no weights"),
    "a folder": (lambda p, _: p.mkdir(), "No file"),
    "not there": (lambda p, _: None, "No file"),
}


@pytest.fixture
def state(sam_net: SamModel) -> State:
    return segment_anything(sam_net)


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.filterwarnings("ignore::UserWarning")  # of writing sparse tensors
def test_a_hostile_file_is_one_sentence_and_runs_nothing(tmp_path: Path, state: State, kind: str) -> None:
    write, says = HOSTILE[kind]
    path = tmp_path / "sam.pth"
    write(path, state)
    with pytest.raises(ModelError, match=says) as caught:
        convert(path, "cracksam", tmp_path / "out" / "sam")
    assert "\n" not in str(caught.value)
    assert "sam.pth" in str(caught.value)
    assert not (tmp_path / "boom").exists()
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_model_is_refused(tmp_path: Path, state: State, sam2_net: Sam2VisionModel) -> None:
    torch.save(state, tmp_path / "sam.pth")
    torch.save(segment_anything_2(sam2_net), tmp_path / "sam2.pt")
    with pytest.raises(ModelError, match="under 'model'"):
        convert(tmp_path / "sam.pth", "sam2", tmp_path / "out")
    with pytest.raises(ModelError, match="holds no weights"):
        convert(tmp_path / "sam2.pt", "cracksam", tmp_path / "out")
    with pytest.raises(ModelError, match="there is cracksam, sam2, clipseg"):
        convert(tmp_path / "sam.pth", "sam3", tmp_path / "out")


def test_any_damage_to_a_file_is_a_model_error(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "small.pth"
    for zipped in (True, False):
        torch.save({"a": torch.zeros(3), "b": torch.ones(2, 2)}, path, _use_new_zipfile_serialization=zipped)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(150):
            damaged = whole.copy()
            damaged[rng.integers(0, len(whole), 8)] = rng.integers(0, 256, 8)
            path.write_bytes(damaged.tobytes()[: int(rng.integers(1, len(whole) + 1))])
            with pytest.raises(ModelError):
                convert(path, "cracksam", tmp_path / "out")


def test_sam_starts_from_the_folder_of_cracksam(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "sam.pth")
    with pytest.raises(ModelError, match="--model cracksam: sam takes the same folder"):
        convert(tmp_path / "sam.pth", "sam", tmp_path / "out")


def test_what_is_there_is_not_overwritten(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "sam.pth")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(CrackwiseError, match="is there already"):
        convert(tmp_path / "sam.pth", "cracksam", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_command_says_what_to_write_in_the_recipe(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "sam.pth")
    out = tmp_path / "base"
    result = CliRunner().invoke(
        app, ["model", "convert", str(tmp_path / "sam.pth"), "--model", "cracksam", "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert f"options: {{size: tiny, base: {out}}}" in result.stdout
