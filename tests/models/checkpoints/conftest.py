"""Small real checkpoints, as transformers writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPSegForImageSegmentation, CLIPTextConfig, CLIPVisionConfig, SamModel
from transformers import Sam2VisionModel as Sam2Vision
from transformers.utils import logging

from crackwise.models import clipseg, cracksam, sam2


@pytest.fixture(autouse=True)
def quiet_and_seeded() -> None:
    logging.disable_progress_bar()
    torch.manual_seed(0)


def moved(net: torch.nn.Module) -> torch.nn.Module:
    """The network with every parameter away from the zeros and ones it starts at."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return net.eval()


@pytest.fixture
def sam_net() -> SamModel:
    """SAM of size tiny for pictures of 128 px, where SAM's own are for 1024."""
    return moved(SamModel(cracksam.configuration(cracksam.SIZES["tiny"], 128, 4)))


@pytest.fixture
def sam2_net() -> Sam2Vision:
    """The encoder of SAM 2 of size nano."""
    return moved(Sam2Vision(sam2.configuration(sam2.SIZES["nano"], 64)))


@pytest.fixture
def clipseg_net() -> CLIPSegForImageSegmentation:
    """CLIPSeg of size tiny."""
    return moved(CLIPSegForImageSegmentation(clipseg.configuration("tiny")))


@pytest.fixture
def clip_net(clipseg_net: CLIPSegForImageSegmentation) -> CLIPModel:
    """The CLIP inside ``clipseg_net``, on its own."""
    text, vision = CLIPTextConfig(**clipseg.TINY), CLIPVisionConfig(**clipseg.TINY, patch_size=16)
    clip = CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32))
    clip.load_state_dict(clipseg_net.clip.state_dict())
    return clip.eval()


def write_tokenizer(folder: Path) -> None:
    """A tokenizer of CLIP's kind that knows letters and the word crack."""
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    vocabulary |= {f"{letter}</w>": 256 + i for i, letter in enumerate(letters)}
    vocabulary |= {"cr": 512, "ac": 513, "crac": 514, "crack</w>": 515}
    vocabulary |= {"<|startoftext|>": 49_406, "<|endoftext|>": 49_407}
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\nc r\na c\ncr ac\ncrac k</w>\n")


@pytest.fixture
def sam_folder(tmp_path: Path, sam_net: SamModel) -> Path:
    sam_net.save_pretrained(tmp_path / "sam")
    return tmp_path / "sam"


@pytest.fixture
def sam2_folder(tmp_path: Path, sam2_net: Sam2Vision) -> Path:
    sam2_net.save_pretrained(tmp_path / "sam2")
    return tmp_path / "sam2"


@pytest.fixture
def clipseg_folder(tmp_path: Path, clipseg_net: CLIPSegForImageSegmentation) -> Path:
    clipseg_net.save_pretrained(tmp_path / "clipseg")
    write_tokenizer(tmp_path / "clipseg")
    return tmp_path / "clipseg"


@pytest.fixture
def clip_folder(tmp_path: Path, clip_net: CLIPModel) -> Path:
    clip_net.save_pretrained(tmp_path / "clip")
    write_tokenizer(tmp_path / "clip")
    return tmp_path / "clip"
