"""A recipe to a run folder."""

from __future__ import annotations

import logging
import math
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import Logger
from safetensors.torch import save
from torch import nn
from torch.utils.data import Dataset

from crackwise.data.feed import CrackDataModule, Share
from crackwise.data.folder import parse_reference
from crackwise.errors import RecipeError, needs_extra
from crackwise.imaging.files import write_atomically
from crackwise.losses import build_loss
from crackwise.models.blocks import reader_in
from crackwise.models.tuning import frozen_hash, leaves_a_base, trained_state
from crackwise.training.callbacks import MetricsTable, SeedEachEpoch
from crackwise.training.card import Forebears, card_of_start, make_card, tiling_of
from crackwise.training.devices import run_on_devices, strategy_and_plugins
from crackwise.training.economy import compiler_explained, economize
from crackwise.training.frozen.features import plan_features
from crackwise.training.frozen.teacher import TaughtViews, Teacher, lesson_of, load_teacher, plan_answers
from crackwise.training.load import BASE_KEY, SPELLING, network_of, spelled_by
from crackwise.training.recipe import Recipe, load_recipe
from crackwise.training.task import SegmentationTask

__all__ = ["EXPERIMENT", "MLFLOW_RUN", "train"]

EXPERIMENT = "crackwise"
"""What MLflow keeps all runs under."""
MLFLOW_RUN = "mlflow_run.txt"
"""In a run folder: its number there, so that a run that was interrupted goes on as the same one."""


def train(recipe: Recipe, out: Path, *, mlflow_parent: str | None = None) -> Path:
    """Train, and leave recipe, weights, card, ``metrics.csv`` and ``curves.png`` in the folder ``out``.

    An interrupted run of the same recipe in that folder is taken up where it stopped, a finished one left as it is.
    ``mlflow_parent`` is the number of the run that this one belongs to in MLflow, where the recipe logs there.

    Raises:
        RecipeError: ``out`` holds a run of another recipe, or this machine cannot do what ``trainer`` asks for.
        DataError: a data set is missing or its split leaks.
        ModelError: the model or one of its options is unknown, or the run it starts from is not finished.
    """
    refuse_another(out, recipe)
    if (out / "card.json").is_file():  # written last
        return out
    run_on_devices(partial(fit, mlflow_parent=mlflow_parent), recipe, out)
    return out


def fit(recipe: Recipe, out: Path, *, mlflow_parent: str | None = None) -> None:
    """What each process of a training does; the first one alone writes."""
    if recipe.trainer.threads:
        torch.set_num_threads(recipe.trainer.threads)
    seed_everything(recipe.seed, workers=True, verbose=False)
    distill = recipe.loss.distill
    teacher = load_teacher(distill.teacher, recipe.data.classes) if distill else None
    forebears = Forebears(card_of_start(recipe), teacher.card if teacher else None)
    data = CrackDataModule(recipe.data, seed=recipe.seed)
    model = network_of(recipe).to(memory_format=torch.channels_last)  # fast for convolutions on CPUs and GPUs alike
    base = frozen_hash(model) if leaves_a_base(recipe.tuning or ()) else None
    task = SegmentationTask(
        model,
        build_loss(recipe.loss),
        recipe.optim,
        total_steps=data.steps_per_epoch * recipe.optim.epochs,
        auxiliary_weight=recipe.loss.auxiliary_weight,
        validation_names=column_names(recipe.data.val),
        score=recipe.trainer.score,
        tiling=tiling_of(data, model),
        base=None if recipe.trainer.strategy == "fsdp" else base,  # there, what is frozen lies in pieces too
    )
    resume = out / "checkpoints" / "last.ckpt"
    with quiet_lightning(), compiler_explained():
        trainer = make_trainer(recipe, out, model, mlflow_parent)
        economize(model, recipe.trainer, precision=trainer.precision)
        views = planned_views(recipe, out, task, data, trainer, teacher)
        if trainer.is_global_zero:
            write_atomically(out / "recipe.yaml", recipe.to_yaml().encode())
        data.views = views(Share(trainer.global_rank, trainer.world_size))
        if recipe.optim.epochs == 0:
            state = untrained_state(trainer, task, data)
        else:
            trainer.fit(task, data, ckpt_path=resume if resume.is_file() else None, weights_only=True)
            state = {}
    if trainer.is_global_zero:
        kept = out / "checkpoints" / f"{recipe.trainer.keep}.ckpt"
        state = state or torch.load(kept, map_location="cpu", weights_only=True)
        model = network_of(recipe) if recipe.trainer.strategy == "fsdp" else model  # that one is in pieces
        save_run(out, recipe, forebears, model, data, state, base, device_name(trainer))
    trainer.strategy.barrier()  # the run is whole when any of them returns


def planned_views(
    recipe: Recipe, out: Path, task: SegmentationTask, data: CrackDataModule, trainer: Trainer, teacher: Teacher | None
) -> Callable[[Share], Dataset[Any]]:
    """What will give the views that steps start from; nothing is written yet.

    That is the pictures themselves, or what the frozen encoder or the teacher says of them, computed once.
    """
    device, config = trainer.strategy.root_device, recipe.loss.distill
    if config and teacher:
        task.lesson = lesson_of(config, teacher)
    if recipe.trainer.cache and recipe.optim.epochs:
        precision = trainer.precision_plugin.forward_context
        store, task.shortcut = plan_features(recipe, out, task.model, data, device=device, precision=precision)
        return store.fill
    if config and config.keep and teacher and recipe.optim.epochs:
        answers = plan_answers(recipe, out, teacher, data, device)
        return lambda share: TaughtViews(answers.fill(share))
    return lambda _: data.views


def untrained_state(trainer: Trainer, task: SegmentationTask, data: CrackDataModule) -> dict[str, Any]:
    """What a checkpoint of the network as it starts would hold; one validation chooses the threshold."""
    trainer.validate(task, data, verbose=False)
    state: dict[str, Any] = {"state_dict": trainer.strategy.lightning_module_state_dict()}
    task.on_save_checkpoint(state)
    return state


def column_names(references: Sequence[str]) -> tuple[str, ...]:
    """One short name per reference; where two would be the same, they are numbered."""
    names = [short_name(reference) for reference in references]
    return tuple(
        name if names.count(name) == 1 else f"{name}-{names[: i + 1].count(name)}" for i, name in enumerate(names)
    )


def short_name(reference: str) -> str:
    """A reference without the folders above the set: column names and trackers take no paths."""
    source, split_list, part, _ = parse_reference(reference)
    selection = "/".join(filter(None, (split_list, part)))
    return Path(source).name + (f":{selection}" if selection else "")


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advertisements, and its advice on more workers and logging intervals, from the user."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            warnings.filterwarnings("ignore", ".*(many workers|logging interval|does not have many).*")
            warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
            warnings.filterwarnings("ignore", ".*in eval mode at the start.*")  # frozen batch normalisations are
            warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # every process has joined them already
            warnings.filterwarnings("ignore", ".*MLFlow only allows.*")  # "@" and ":" of names are left out there
            warnings.filterwarnings(
                "ignore", ".*grad attribute of a Tensor that is not a leaf.*"
            )  # torch.compile looks
            warnings.filterwarnings("ignore", ".*Detected call of `lr_scheduler.step.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def refuse_another(out: Path, recipe: Recipe) -> None:
    """Leave a folder alone that holds a run of another recipe."""
    path = out / "recipe.yaml"
    if path.is_file() and load_recipe(path) != recipe:
        raise RecipeError(f"{str(out)!r} holds a run of another recipe. Choose another --out, or delete the folder.")


def make_trainer(recipe: Recipe, out: Path, model: nn.Module, mlflow_parent: str | None = None) -> Trainer:
    """Lightning's loop as the recipe wants it; keeps the best and the last epoch in ``out``."""
    settings = recipe.trainer
    callbacks: list[Callback] = [SeedEachEpoch(recipe.seed)]
    if settings.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay))
    if settings.patience_epochs:
        patience = math.ceil(settings.patience_epochs / settings.validate_every_epochs)  # Lightning counts validations
        callbacks.append(EarlyStopping("val_score", mode="max", patience=patience))
    kept = out / "checkpoints"
    callbacks += [
        ModelCheckpoint(kept, "best", monitor="val_score", mode="max", enable_version_counter=False),
        ModelCheckpoint(kept, "last", save_top_k=1, enable_version_counter=False, save_on_train_epoch_end=True),
        MetricsTable(out),
        TQDMProgressBar(refresh_rate=10),
    ]
    strategy, plugins = strategy_and_plugins(settings, model)
    try:
        return Trainer(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy=strategy,
            plugins=plugins,
            use_distributed_sampler=False,  # ours shares each batch
            precision=settings.precision,
            max_epochs=recipe.optim.epochs,
            check_val_every_n_epoch=settings.validate_every_epochs,
            gradient_clip_val=recipe.optim.clip_norm or None,
            num_sanity_val_steps=0,
            logger=mlflow_logger(settings.mlflow, recipe, out, mlflow_parent) if settings.mlflow else False,
            callbacks=callbacks,
            enable_model_summary=False,
        )
    except MisconfigurationException as error:
        raise RecipeError(
            f"This machine cannot run the recipe's trainer: {error} Try trainer.accelerator=auto."
        ) from error


def mlflow_logger(address: str, recipe: Recipe, out: Path, parent: str | None) -> Logger:
    """Logs losses, scores and the recipe to MLflow, below the run ``parent`` where there is one."""
    with needs_extra("mlflow"):
        import mlflow  # noqa: F401
        from lightning.pytorch.loggers import MLFlowLogger
    path = out / MLFLOW_RUN
    known = path.read_text(encoding="utf-8") if path.is_file() else None
    tags = {"mlflow.parentRunId": parent} if parent else None
    logger = MLFlowLogger(EXPERIMENT, recipe.name, address, tags=tags, run_id=known)
    if known is None and logger.run_id is not None:  # the first process alone has one
        write_atomically(path, logger.run_id.encode())
    logger.log_hyperparams({"recipe": recipe.model_dump(mode="json")})
    return logger


def save_run(
    out: Path,
    recipe: Recipe,
    forebears: Forebears,
    model: nn.Module,
    data: CrackDataModule,
    state: dict[str, Any],
    base: str | None,
    device: str,
) -> None:
    """Write weights and card of the checkpoint that is kept; ``base`` is the hash of what a tuning left alone."""
    weights = {k.removeprefix("model."): v for k, v in state["state_dict"].items() if k.startswith("model.")}
    model.load_state_dict(weights, strict=base is None)
    about = None
    if base is not None:  # it can be built again: only what was learnt
        weights, about = trained_state(model), {BASE_KEY: base}
    write_atomically(out / "weights.safetensors", save({k: v.contiguous() for k, v in weights.items()}, about))
    for name, content in spelling_of(recipe, model).items():
        write_atomically(out / SPELLING / name, content)
    card = make_card(
        recipe,
        data,
        model,
        forebears=forebears,
        threshold=state["threshold"],
        validation=state["validation"],
        device=device,
    )
    write_atomically(out / "card.json", card.model_dump_json(indent=2).encode())


def spelling_of(recipe: Recipe, model: nn.Module) -> dict[str, bytes]:
    """The files by which a network that reads will spell other phrases; none where it started from no base."""
    base, reader = spelled_by(recipe, Path(recipe.model.weights) if recipe.model.weights else None), reader_in(model)
    return {} if base is None or reader is None else reader.spelling(base)


def device_name(trainer: Trainer) -> str:
    """``"NVIDIA H200"``, or ``"2 x CPU x86_64, 1 thread"``."""
    device, several = trainer.strategy.root_device, f"{trainer.world_size} x " if trainer.world_size > 1 else ""
    if device.type == "cuda":
        return several + torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{several}{device.type.upper()} {platform.machine()}, {count} thread{'s' * (count > 1)}"
