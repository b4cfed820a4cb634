"""Commands of the lab: show, list, train."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from crackwise.errors import ModelError, needs_extra

__all__ = ["register"]

Row = dict[str, Any]

TUNING_COLUMNS = 100
"""Width of the list of tunings."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the application."""
    app.command()(show)
    app.command(name="list")(list_table)
    app.command()(train)


def show(
    model: Annotated[
        str, typer.Argument(help="A name from `crackwise list models`, a run folder, an exported file or `packaged`.")
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="An option of the model; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What a network is and costs, or the card of a trained one."""
    from crackwise.models import MODELS

    trained = model not in MODELS and (model == "packaged" or Path(model).exists())
    if trained and settings:
        raise ModelError(f"{model!r} is trained, its options are fixed; --set is for names of `crackwise list models`.")
    facts = card_facts(model) if trained else model_facts(model, options_of(settings or []))
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        typer.echo(plain_card(facts) if trained else plain_model(facts))


def list_table(
    what: Annotated[str, typer.Argument(help="models, losses, tunings, datasets, backends or widths")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """The rows of one of the program's tables."""
    if what not in LISTS:
        raise typer.BadParameter(f"no table {what!r}; there is {', '.join(LISTS)}", param_hint="WHAT")
    rows = LISTS[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if what == "tunings":
        typer.echo("\n".join(line for row in rows for line in plain_tuning(row)))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        note = f" [{row['licence']}]" if what == "datasets" else ""
        typer.echo(f"{row['name']:<{width}}  {row['summary']}{note}")


def train(
    recipe: Annotated[Path, typer.Argument(help="A page of YAML; see recipes/.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change one value of the recipe; repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The run folder; default runs/NAME.")] = None,
) -> None:
    """Train a network as a recipe says; a run that was interrupted goes on where it stopped."""
    from crackwise.predictor import ModelCard

    with needs_extra("lab"):
        from crackwise.allocator import keep_freed_memory
        from crackwise.training.recipe import load_recipe
        from crackwise.training.run import train as run_training
    resolved = load_recipe(recipe, settings or [])
    folder = out or Path("runs") / resolved.name
    finished = (folder / "card.json").is_file()
    keep_freed_memory()
    run_training(resolved, folder)
    if finished:
        typer.echo("This run was finished; delete its folder, or choose another --out, to train it again.")
    card = ModelCard.model_validate_json((folder / "card.json").read_text(encoding="utf-8"))
    typer.echo(
        f"Weights, card, metrics and curves lie in {folder}. Threshold {card.threshold}: {card.threshold_source}."
    )
    if card.leakage:
        typer.echo(f"Leakage: {card.leakage}")
    typer.echo(f"Next: crackwise export {folder} --to onnx")


def options_of(settings: list[str]) -> dict[str, Any]:
    """``["base=32"]`` to ``{"base": 32}``; values are YAML."""
    options: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise ModelError(f"--set needs option=value, for example base=32; got {setting!r}.")
        if not text.strip():
            raise ModelError(f"--set {setting!r} has no value; {name.strip()}=null says that it has none.")
        try:
            options[name.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ModelError(f"The value in --set {setting!r} is not YAML.") from error
    return options


def model_facts(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """What `show` says of a row of MODELS."""
    from crackwise.models import count_parameters, model_options, model_row

    row = model_row(name)
    with needs_extra("lab"):
        from crackwise.models.cost import build_on_meta, multiply_adds
    tuning = options.pop("tuning", None)
    model = build_on_meta(name, **options)
    if tuning is not None:
        tune_on_meta(model, tuning)
    count = count_parameters(model)
    return {
        "name": name,
        "summary": row.summary,
        "options": {option: p.default for option, p in model_options(name).items()} | options,
        "parameters_total": count.total,
        "parameters_trainable": count.trainable,
        "parameters_deployed": count.deployed,
        "multiply_adds_400_px": multiply_adds(model, 400),
        "multiply_adds_448_px": multiply_adds(model, 448),
        "input_px": row.input_px,
        "multiple_of_px": row.multiple_of,
        "paper": row.paper,
        "licence": row.licence,
    }


def tune_on_meta(model: Any, tuning: Any) -> None:
    """Freeze a network without memory but for what a short form such as ``lora:4+head`` names."""
    import torch
    from pydantic import ValidationError

    from crackwise.models.tuning import apply_tunings, parse_tunings
    from crackwise.strict import faults

    try:
        tunings = parse_tunings(tuning)
    except ValidationError as error:
        raise ModelError(f"{faults(error, 'tuning')}. See `crackwise list tunings`.") from error
    with torch.device("meta"):
        apply_tunings(model, tunings)


def plain_model(facts: dict[str, Any]) -> str:
    """The facts of a network as lines of text."""
    options = ", ".join(f"{name}={value}" for name, value in facts["options"].items())
    side = f"{facts['input_px']} px as published, any size accepted" if facts["input_px"] else "any size"
    frozen = facts["parameters_total"] - facts["parameters_trainable"]
    return "\n".join(
        [
            f"{facts['name']}: {facts['summary']}",
            f"  options     {options}",
            f"  parameters  {facts['parameters_total']:,} in training"
            + (f" ({frozen:,} of them frozen)" if frozen else "")
            + f", {facts['parameters_deployed']:,} deployed",
            f"  cost        {facts['multiply_adds_400_px'] / 1e9:.3f} G multiply-adds at 400 px, "
            f"{facts['multiply_adds_448_px'] / 1e9:.3f} at 448 px",
            f"  input       {side}",
            f"  paper       {facts['paper']}",
            f"  licence     {facts['licence']}",
        ]
    )


def card_facts(source: str) -> dict[str, Any]:
    """The card of a run folder or model file."""
    from crackwise.backends import load_predictor

    predictor = load_predictor(source)
    card: dict[str, Any] = predictor.card.model_dump(mode="json")
    return card | {"sha256": predictor.sha256, "runtime": predictor.runtime, "precision": predictor.precision}


def plain_card(facts: dict[str, Any]) -> str:
    """A card as a page of YAML."""
    return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=120).rstrip()


def models() -> list[Row]:
    """Networks."""
    from crackwise.models import MODELS

    return [{"name": n, "summary": r.summary, "paper": r.paper, "licence": r.licence} for n, r in MODELS.items()]


def losses() -> list[Row]:
    """Losses."""
    with needs_extra("lab"):
        from crackwise.losses import LOSSES
    return documented(LOSSES)


def tunings() -> list[Row]:
    """Which weights may learn."""
    with needs_extra("lab"):
        from crackwise.models.tuning.settings import describe
    return [dict(row) for row in describe()]


def plain_tuning(row: Row) -> list[str]:
    """A tuning as lines of text: what it trains, then each of its settings."""
    lines = textwrap.wrap(f"{row['name']}: {row['summary']}", TUNING_COLUMNS, subsequent_indent=" " * 4)
    for setting in row["settings"]:
        default = "none" if setting["default"] is None else setting["default"]
        line = f"    {setting['name']:<8} {setting['values']}; default {default}. {setting['summary']}"
        lines += textwrap.wrap(line, TUNING_COLUMNS, subsequent_indent=" " * 13)
    return lines


def datasets() -> list[Row]:
    """Data sets."""
    from crackwise.data.catalog import describe

    return describe()


def backends() -> list[Row]:
    """Runtimes."""
    from crackwise.backends import BACKENDS

    return [{"name": n, "summary": r.summary} for n, r in BACKENDS.items()]


def widths() -> list[Row]:
    """Ways to measure a width."""
    from crackwise.measure.width import WIDTHS

    return documented(WIDTHS)


def documented(table: dict[str, Any]) -> list[Row]:
    """Rows of a table of functions, with the first line of each docstring."""
    return [{"name": n, "summary": (inspect.getdoc(f) or "").split("\n")[0]} for n, f in table.items()]


LISTS: dict[str, Callable[[], list[Row]]] = {
    "models": models,
    "losses": losses,
    "tunings": tunings,
    "datasets": datasets,
    "backends": backends,
    "widths": widths,
}
