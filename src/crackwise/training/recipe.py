"""Everything about one training run, on one page of YAML."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from crackwise.data.feed import DataConfig
from crackwise.errors import RecipeError
from crackwise.losses import LossConfig
from crackwise.models import MODELS
from crackwise.models.tuning import Tunings, leaves_a_base
from crackwise.strict import Strict, faults

__all__ = ["ModelConfig", "OptimConfig", "Recipe", "TrainerConfig", "load_recipe"]


class ModelConfig(Strict):
    """A row of ``MODELS`` and its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    """Start from the weights of this finished run folder."""


class OptimConfig(Strict):
    """Optimiser and learning-rate schedule; the rate changes at every step."""

    name: Literal["adamw", "sgd"] = "adamw"
    lr: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.01
    momentum: NonNegativeFloat = 0.9
    encoder_lr_factor: PositiveFloat = 1.0
    """Rate of a pretrained ``encoder`` relative to ``lr``."""
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    power: PositiveFloat = 0.9
    """Of ``poly``: (1 - progress) ** power."""
    warmup_steps: NonNegativeInt = 0
    warmup_start: NonNegativeFloat = 0.0
    """Rate at step 0 relative to ``lr``; it grows linearly over ``warmup_steps``."""
    horizon_steps: PositiveInt | None = None
    """Steps from the end of the warm-up to a rate of 0; default: to the end of the run."""
    epochs: NonNegativeInt = 100
    """0: the network as it starts; validation still chooses its threshold."""
    clip_norm: NonNegativeFloat = 0.0
    """Largest gradient norm; 0 leaves gradients alone."""


class TrainerConfig(Strict):
    """How the loop runs."""

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: PositiveInt = 1
    """How many GPUs, or processes on a CPU, share each batch: by one alone the same recipe gives the same weights."""
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    """``ddp``: every device holds the network; ``fsdp``: GPUs share it; ``auto``: ddp on more than one device."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    frozen_bits: Literal[16, 32] = 32
    """16: weights that a tuning leaves alone take half the memory, and so does what passes between blocks."""
    checkpoint_gradients: bool = False
    """Keep only what enters a block of the encoder and compute the rest again: less memory, a third more time."""
    compile: bool = False
    """Compile the encoder's blocks: a minute or more at the start, faster steps; needs a compiler on this machine."""
    threads: PositiveInt | None = None
    """Per device."""
    validate_every_epochs: PositiveInt = 1
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Validate and keep an exponential moving average of the weights."""
    score: Literal["iou", "f1", "f1@2"] = "f1"
    """Chooses the best epoch and the threshold: mean over the validation sets, crack-free ones by 1 - false alarms."""
    keep: Literal["best", "last"] = "best"
    """Which epoch becomes the run's weights; the last is less of a lottery where validation sets are small."""
    patience_epochs: PositiveInt | None = None
    """Stop when the score has not risen for so many epochs."""
    cache: Literal["f32", "bf16", "f16"] | None = None
    """Compute the features of the frozen encoder once per view, and keep them in this form; for tunings that train
    nothing before them, and a fixed number of views (``data.views_per_picture``)."""
    cache_folder: str | None = None
    """Where features, or a teacher's answers, are kept; default: in the run folder."""
    mlflow: str | None = None
    """Tracking address, for example ``sqlite:///mlflow.db``; nothing is logged there by default."""


class Recipe(Strict):
    """One training run; ``recipe.yaml`` in the run folder is the resolved one."""

    name: str
    summary: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    model: ModelConfig
    tuning: Tunings | None = None
    """Which weights learn, for example ``lora:4+head``; every weight by default."""
    data: DataConfig
    loss: LossConfig = LossConfig()
    optim: OptimConfig = OptimConfig()
    trainer: TrainerConfig = TrainerConfig()
    licence: str = "Apache-2.0"
    limits: tuple[str, ...] = ()
    """What the model is not good for; goes into its card."""

    @model_validator(mode="after")
    def validates_before_it_ends(self) -> Self:
        """The best epoch is chosen by validation: there must be one."""
        if self.trainer.validate_every_epochs > self.optim.epochs > 0:
            raise ValueError(
                f"trainer.validate_every_epochs={self.trainer.validate_every_epochs} never comes in "
                f"optim.epochs={self.optim.epochs}; validate at least once"
            )
        if self.trainer.keep == "last" and self.optim.epochs % self.trainer.validate_every_epochs:
            raise ValueError(
                "trainer.keep=last needs a validation after the last epoch: make validate_every_epochs fit"
            )
        return self

    @model_validator(mode="after")
    def shares_evenly(self) -> Self:
        """Every device takes as much of each batch; a network in pieces can be asked for less."""
        devices, batch, settings = self.trainer.devices, self.data.batch_size, self.trainer
        if batch % devices:
            raise ValueError(
                f"data.batch_size={batch} is what all devices share: trainer.devices={devices} must divide it"
            )
        unknown = {
            "optim.clip_norm": self.optim.clip_norm,
            "trainer.ema_decay": settings.ema_decay,
            "trainer.frozen_bits=16": settings.frozen_bits == 16,
            "trainer.cache": settings.cache,
        }
        asked = [name for name, value in unknown.items() if value]
        if settings.strategy == "fsdp" and asked:
            raise ValueError(f"trainer.strategy=fsdp does not go with {', '.join(asked)}; leave it out, or take ddp")
        return self

    @model_validator(mode="after")
    def saves_where_weights_are_frozen(self) -> Self:
        """Only a frozen weight can be held in 16 bits; only a frozen encoder gives a view the same features again."""
        settings, frozen = self.trainer, leaves_a_base(self.tuning or ())
        if settings.frozen_bits == 16 and (settings.precision == "32-true" or not frozen):
            raise ValueError(
                "trainer.frozen_bits=16 needs a tuning that leaves weights frozen, and trainer.precision=bf16-mixed or "
                "16-mixed"
            )
        keep = self.loss.distill.keep if self.loss.distill else None
        for name, value in {"trainer.cache": settings.cache, "loss.distill.keep": keep}.items():
            if value and self.data.views_per_picture is None:
                raise ValueError(f"{name}={value} needs views that come again: set data.views_per_picture")
        if settings.cache and self.loss.distill:
            raise ValueError("trainer.cache keeps no pictures to show to a teacher; leave it out, or loss.distill")
        if settings.cache and not frozen:
            raise ValueError(
                f"trainer.cache={settings.cache} needs a tuning that leaves the encoder alone, such as head"
            )
        if settings.cache and settings.compile:
            raise ValueError("trainer.cache runs the encoder once: trainer.compile would gain nothing; leave it out")
        return self

    @model_validator(mode="after")
    def labels_what_the_network_tells(self) -> Self:
        """A classifier learns from labels of whole pictures, any other network from labels of pixels."""
        row = MODELS.get(self.model.name)  # an unknown one has its own error where it is built
        if row and row.answers != self.data.labels_of:
            raise ValueError(f"{self.model.name} answers for {row.answers}: set data.labels_of: {row.answers}")
        return self

    @classmethod
    def parse(cls, values: object, source: str) -> Self:
        """Check plain values; an error names every wrong key by its path.

        Raises:
            RecipeError: an unknown key or impossible value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise RecipeError(f"{source}: {faults(error)}") from error

    def to_yaml(self) -> str:
        """The recipe as a page of YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and set ``path.to.key=value`` over it; values are YAML.

    ``extends: other.yaml`` in a recipe starts from another beside it: only what differs is said.

    Raises:
        RecipeError: no such file, not YAML, an unknown key or an impossible value, or recipes that extend each other.
    """
    values = read_values(path)
    values.setdefault("name", path.stem)
    for override in overrides:
        set_value(values, override)
    return Recipe.parse(values, str(path))


def read_values(path: Path, below: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The plain values of a page, laid over those of the one it extends."""
    if path.resolve() in below:
        raise RecipeError(f"{str(path)!r} extends itself, by way of {len(below)} recipes.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise RecipeError(f"{str(path)!r} holds no page of keys and values.")
    parent = values.pop("extends", None)
    if parent is None:
        return values
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: extends: must be the name of a recipe beside this one, not {parent!r}.")
    return laid_over(read_values(path.parent / parent, (*below, path.resolve())), values)


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Values of ``above`` in place of those below; tables are joined key by key, lists replaced."""
    joined = dict(below)
    for key, value in above.items():
        there = joined.get(key)
        joined[key] = laid_over(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return joined


def set_value(values: dict[str, Any], override: str) -> None:
    """Apply one ``path.to.key=value`` in place."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set needs path=value, for example optim.lr=0.001; got {override!r}.")
    if not text.strip():
        raise RecipeError(f"--set {override!r} has no value; {key.strip()}=null says that it has none.")
    *parents, last = key.strip().split(".")
    place: Any = values
    for name in parents:
        place = place.setdefault(name, {}) if isinstance(place, dict) else item_of(place, name, override)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"The value in --set {override!r} is not YAML.") from error
    if isinstance(place, list):
        item_of(place, last, override)
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise RecipeError(f"--set {override!r}: {'.'.join(parents)} is a single value and holds no {last!r}.")


def item_of(place: object, index: str, override: str) -> Any:
    """One element of a list named by its number."""
    if isinstance(place, list) and index.isdigit() and int(index) < len(place):
        return place[int(index)]
    raise RecipeError(f"--set {override!r}: there is no element {index!r}.")
