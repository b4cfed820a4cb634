"""CLIPSeg: phrases become classes.

Sources: Lüddecke and Ecker, "Image Segmentation Using Text and Image Prompts", CVPR 2022; encoders: Radford et al.,
"Learning Transferable Visual Models From Natural Language Supervision", ICML 2021. The network is transformers'; the
forward is ours, because theirs cuts the gradient of both encoders.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPSegConfig, CLIPSegForImageSegmentation, CLIPSegTextConfig, CLIPSegVisionConfig

from crackwise.errors import ModelError
from crackwise.models.blocks import IMAGENET_MEAN, IMAGENET_STD, FixedSize, Normalize, TakesPrompts
from crackwise.models.checkpoints import lay_over, pretrained, tokenizer_of
from crackwise.models.tuning import Anatomy

__all__ = ["PHRASES", "SIZES", "CrackCLIPSeg", "build", "spell"]

PHRASES = {
    "crack": ("segment crack", "segment wall crack"),
    "drywall joint": ("segment taping area", "segment joint/tape", "segment drywall seam"),
}
"""Phrases of a class that the recipe gives none for; a class that is not here is its own phrase."""

SIZES = ("rd64", "rd64-refined", "tiny")
"""Width of the decoder, and whether its last layers are refined; ``tiny`` is for trying things out."""

INPUT_PX = 352
CONTEXT = 77
START, END = 49_406, 49_407

TINY: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4}


class CrackCLIPSeg(TakesPrompts):
    """RGB (B, 3, S, S) to one logit map per class (B, K, S, S).

    While training, every class is asked for by one of its phrases, drawn at every step; afterwards by all of them, and
    the mean of their text vectors decides.
    """

    tokens: Tensor
    settled: Tensor | None

    def __init__(
        self, net: CLIPSegForImageSegmentation, phrases: Sequence[Sequence[str]], tokens: Sequence[Sequence[int]]
    ) -> None:
        super().__init__()
        self.vision = net.clip.vision_model
        self.text = net.clip.text_model
        self.text_projection = net.clip.text_projection
        self.visual_projection = net.clip.visual_projection
        self.logit_scale = net.clip.logit_scale
        self.decoder = net.decoder
        self.extract_layers = tuple(net.config.extract_layers)
        idle = range(max(self.extract_layers) + 1, len(self.vision.encoder.layers))
        self.anatomy = Anatomy(
            head=("decoder",),
            scopes={
                "all": ("vision", "text", "decoder"),
                "vision+decoder": ("vision", "decoder"),
                "decoder": ("decoder",),
            },
            encoder="vision",
            idle=("vision.post_layernorm", *(f"vision.encoder.layers.{index}" for index in idle)),
        )
        self.phrases = tuple(tuple(of_class) for of_class in phrases)
        # kept with the weights, which know no other; as floats, whose moving average is exact
        self.register_buffer("tokens", torch.tensor(tokens, dtype=torch.float32))
        self.register_buffer("settled", None, persistent=False)

    def forward(self, image_BCHW: Tensor) -> Tensor:
        """One logit per class and pixel."""
        features = self.see(image_BCHW)
        vectors = self.class_vectors()
        maps = [self.answer(features, vector, image_BCHW.shape[-2:]) for vector in vectors]
        return torch.stack(maps, 1)

    def ask(self, prompts: Sequence[str], base: str | None) -> None:
        """One class for each of these phrases."""
        self.phrases = tuple((prompt,) for prompt in prompts)
        self.tokens = torch.tensor(tokens_of(prompts, base), dtype=torch.float32, device=self.tokens.device)
        self.settled = None

    def spelling(self, base: str) -> dict[str, bytes]:
        """The files of the tokenizer in the base."""
        with tempfile.TemporaryDirectory() as folder:
            tokenizer_of(base, start=START, end=END).save_pretrained(folder)
            return {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    def settle(self) -> None:
        """Keep the vectors of the classes: predicting leaves out the text encoder."""
        with torch.no_grad():
            self.settled = mean_vectors(self.read_phrases())

    def see(self, image_BCHW: Tensor) -> list[Tensor]:
        """The hidden states that the decoder reads, shallowest first; gradients pass."""
        vision = self.vision
        states = vision.pre_layrnorm(vision.embeddings(image_BCHW, interpolate_pos_encoding=True))
        kept = []
        for index, layer in enumerate(vision.encoder.layers[: max(self.extract_layers) + 1]):  # the others are idle
            states = layer(states, attention_mask=None)
            if index in self.extract_layers:
                kept.append(states)
        return kept

    def class_vectors(self) -> Tensor:
        """One text vector per class (K, D): of a drawn phrase while training, of the mean over all phrases else."""
        if self.training:
            return torch.stack([group[int(torch.randint(len(group), ()))] for group in self.read_phrases()])
        return mean_vectors(self.read_phrases()) if self.settled is None else self.settled

    def read_phrases(self) -> tuple[Tensor, ...]:
        """The text vectors of all phrases of each class (N, D); gradients pass."""
        return torch.split(self.read(self.tokens), [len(of_class) for of_class in self.phrases])

    def read(self, tokens: Tensor) -> Tensor:
        """Token numbers (N, 77) to projected text vectors (N, D), not normalised; gradients pass."""
        vectors: Tensor = self.text_projection(self.text(input_ids=tokens.long()).pooler_output)
        return vectors

    def answer(self, features: list[Tensor], vector: Tensor, size: torch.Size) -> Tensor:
        """The map (B, H, W) of one text vector (D)."""
        batch = features[0].shape[0]
        logits = self.decoder(tuple(features), vector.expand(batch, -1)).logits
        logits = logits.reshape(batch, 1, *logits.shape[-2:])
        return F.interpolate(logits, size, mode="bilinear", align_corners=False)[:, 0]


def mean_vectors(groups: Sequence[Tensor]) -> Tensor:
    """One vector per group (K, D)."""
    return torch.stack([group.mean(0) for group in groups])


def tokens_of(phrases: Sequence[str], base: str | None) -> list[list[int]]:
    """Token numbers (77 each) of phrases, for weights that started from ``base`` or from none."""
    return [spell(phrase) for phrase in phrases] if base is None else tokenized(phrases, base)


def spell(phrase: str) -> list[int]:
    """Token numbers (77) of a phrase, one per byte.

    It stands in for CLIP's tokenizer, whose merges come with a checkpoint: right for weights drawn at random, which
    know no words, and for no others.
    """
    numbers = [START, *phrase.encode()[: CONTEXT - 2], END]
    return numbers + [END] * (CONTEXT - len(numbers))


def tokenized(phrases: Sequence[str], base: str) -> list[list[int]]:
    """Token numbers (77 each) of phrases, by the tokenizer that lies with the base.

    Raises:
        ModelError: there is none, or it is not that of CLIP.
    """
    tokenizer = tokenizer_of(base, start=START, end=END)
    numbers = [tokenizer(phrase, truncation=True, max_length=CONTEXT)["input_ids"] for phrase in phrases]
    for phrase, (_, *words, _) in zip(phrases, numbers, strict=True):
        if not words or max(words) >= START:
            raise ModelError(f"clipseg: the tokenizer of the base {base!r} cannot spell {phrase!r}; is it CLIP's?")
    return [[*of_phrase, *[END] * (CONTEXT - len(of_phrase))] for of_phrase in numbers]


def build(
    classes: Sequence[str] = ("crack",),
    *,
    size: Literal["rd64", "rd64-refined", "tiny"] = "rd64-refined",
    prompts: Mapping[str, Sequence[str]] | None = None,
    base: str | None = None,
) -> nn.Module:
    """CLIPSeg at 352 px; pictures of other sizes are resampled to it.

    ``base``: a folder or hub name of CLIPSeg's weights and tokenizer; everything starts there.

    Raises:
        ModelError: a prompt is for a class that is not learnt, a class has an empty list of them, or there is no such
            base of this size.
    """
    chosen = dict(prompts or {})
    strangers = [name for name in chosen if name not in classes]
    if strangers:
        raise ModelError(f"clipseg: prompts for {', '.join(strangers)}, but the classes are {', '.join(classes)}.")
    phrases = [chosen.get(name, PHRASES.get(name, (name,))) for name in classes]
    if not all(phrases):
        raise ModelError("clipseg: every class needs at least one prompt.")
    clipseg = CLIPSegForImageSegmentation(configuration(size))
    start_decoder(clipseg.decoder)
    asked = [phrase for of_class in phrases for phrase in of_class]
    if base is not None:
        published = {name: facts(configuration(name)) for name in SIZES}
        kinds = {"clipseg": CLIPSegForImageSegmentation}
        lay_over(clipseg, pretrained(base, kinds, size=size, published=published, facts=facts), base)
    net = CrackCLIPSeg(clipseg, phrases, tokens_of(asked, base))
    return FixedSize(nn.Sequential(Normalize(IMAGENET_MEAN, IMAGENET_STD), net), INPUT_PX)


def start_decoder(decoder: nn.Module) -> None:
    """Draw the decoder's own layers as torch does: transformers gives them a deviation of 1, and logits of hundreds."""
    for name in ("film_mul", "film_add", "reduces", "transposed_convolution"):
        for layer in decoder.get_submodule(name).modules():
            if isinstance(layer, nn.Linear | nn.ConvTranspose2d | nn.Conv2d):
                layer.reset_parameters()


def configuration(size: str) -> CLIPSegConfig:
    """transformers' description of a size."""
    refined = size != "rd64"
    if size == "tiny":
        return CLIPSegConfig(
            text_config=CLIPSegTextConfig(**TINY).to_dict(),
            vision_config=CLIPSegVisionConfig(**TINY, patch_size=16).to_dict(),
            projection_dim=32,
            reduce_dim=16,
            extract_layers=[0, 1, 2],
            decoder_intermediate_size=32,
            use_complex_transposed_convolution=refined,
        )
    return CLIPSegConfig(
        text_config=CLIPSegTextConfig(eos_token_id=END).to_dict(),
        vision_config=CLIPSegVisionConfig(patch_size=16).to_dict(),
        reduce_dim=64,
        use_complex_transposed_convolution=refined,
    )


def facts(config: CLIPSegConfig) -> dict[str, object]:
    """What tells one size of the family from another."""
    names = ("reduce_dim", "use_complex_transposed_convolution", "extract_layers")
    return {name: getattr(config, name) for name in names} | clip_facts(config)


def clip_facts(config: CLIPSegConfig | CLIPConfig) -> dict[str, object]:
    """Which CLIP it is, alone or inside CLIPSeg."""
    names = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    text = {f"text {name}": getattr(config.text_config, name) for name in names}
    vision = {f"vision {name}": getattr(config.vision_config, name) for name in (*names, "patch_size")}
    return text | vision
