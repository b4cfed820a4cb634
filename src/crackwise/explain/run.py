"""Several models and methods on several pictures: overlays, arrays, one record and one page."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crackwise.errors import CrackwiseError
from crackwise.evaluation.drawing import jpeg_source, png_source
from crackwise.evaluation.record import model_record as model_of
from crackwise.explain.drawing import draw_heat_over, draw_key, draw_region
from crackwise.explain.heat import Heat, Options
from crackwise.explain.question import EVERYTHING, Place, Question, ask, ask_whole
from crackwise.explain.subject import Subject
from crackwise.explain.table import EXPLAINERS, explainer_of
from crackwise.imaging.files import sha256_of, write_atomically
from crackwise.imaging.image import read_image
from crackwise.imaging.overlay import encode_png, shrink
from crackwise.report.render import template_of

__all__ = ["SCHEMA", "Explained", "explain_one", "explain_pictures"]

SCHEMA = "crackwise.explanation/1"
PANEL_PX = 420
NEARLY_EVEN = 0.5
"""Share of its greatest value that a map of positive values exceeds everywhere, and so says little of places."""


class Explained(NamedTuple):
    """What one model answered with about one picture."""

    model: str
    region: Question
    """The question over M, or over the whole picture where no method asks about M."""
    maps: Mapping[str, tuple[Heat, ...]]
    """By method; a method that says nothing of this model is left out."""


def explain_one(
    subject: Subject,
    image: Path,
    methods: Sequence[str],
    *,
    place: Place = EVERYTHING,
    class_name: str | None = None,
    options: Options = Options(),  # noqa: B008  # frozen
) -> Explained:
    """The maps of every method that fits the model.

    Raises:
        CrackwiseError: as the explainers and `ask`; or no method fits.
    """
    named = asked_of(subject, methods)
    pixels = read_image(image)
    whole = ask_whole(subject, pixels, class_name)
    asks_region = any(EXPLAINERS[name].over_region for name in named)
    region = ask(subject, pixels, place, class_name) if asks_region else whole
    questions = {name: region if EXPLAINERS[name].over_region else whole for name in named}
    maps = {name: EXPLAINERS[name].explain(subject, questions[name], options) for name in named}
    return Explained(subject.name, region, maps)


def asked_of(subject: Subject, methods: Sequence[str]) -> list[str]:
    """The methods that say something of a model.

    Raises:
        CrackwiseError: none does, there is none of a name, or one needs a network that a model file has not.
    """
    named = [name for name in methods if not (explainer_of(name).of_pixels_only and subject.answers_pictures)]
    if not named:
        raise CrackwiseError(
            f"{subject.name!r} answers once for a whole picture: {', '.join(methods)} says nothing of it. Pass "
            "--method gradcam or kernelshap."
        )
    for name in named:
        if EXPLAINERS[name].needs_network:
            subject.network(name)  # said before anything is computed
    return named


def explain_pictures(
    subjects: Sequence[Subject],
    images: Sequence[Path],
    methods: Sequence[str],
    out: Path,
    *,
    place: Place = EVERYTHING,
    class_name: str | None = None,
    options: Options = Options(),  # noqa: B008  # frozen
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Explain every picture and write its overlays and arrays, ``explain.json`` and ``explain.html`` into ``out``.

    Returns the record. ``told`` hears of every model that is done with a picture. A picture that a model says nothing
    of, or that cannot be read, is told and recorded under ``errors``, and the others follow.

    Raises:
        CrackwiseError: a method fits no model, no picture was explained, or ``out`` cannot be written to.
    """
    for subject in subjects:
        asked_of(subject, methods)
    stems = numbered([image.stem for image in images])
    pictures, panels, errors = [], [], []
    for image, stem in zip(images, stems, strict=True):
        entries, rows = [], []
        for subject in subjects:
            try:
                explained = explain_one(subject, image, methods, place=place, class_name=class_name, options=options)
            except CrackwiseError as error:
                errors.append({"source": image.name, "model": subject.name, "error": str(error)})
                told(f"{image.name}, {subject.name}: {error}")
                continue
            entries += list(write_maps(out, stem, explained))
            rows.append(row_of(explained))
            told(f"{image.name}, {subject.name}: {', '.join(explained.maps)}")
        if rows:
            height, width = rows[0]["size"]
            about = {"source": image.name, "sha256": sha256_of(image), "height_px": height, "width_px": width}
            pictures.append({**about, "maps": entries})
            panels.append({"title": image.name, "rows": rows})
    if not pictures:
        raise CrackwiseError(f"Nothing was explained. {errors[0]['source']}: {errors[0]['error']}")
    models = [model_record(each) for each in subjects]
    record = {"schema": SCHEMA, "models": models, "pictures": pictures, "errors": errors}
    write_atomically(out / "explain.json", f"{json.dumps(record, indent=2, ensure_ascii=False)}\n".encode())
    keys = {"key": png_source(draw_key(signed=False)), "signed_key": png_source(draw_key(signed=True))}
    page = template_of("crackwise.explain", "page.html").render(record=record, panels=panels, **keys)
    write_atomically(out / "explain.html", page.encode())
    return record


def numbered(names: Sequence[str]) -> list[str]:
    """The names, those that come twice with their number."""
    return [n if names.count(n) == 1 else f"{n}-{1 + list(names[:i]).count(n)}" for i, n in enumerate(names)]


def model_record(subject: Subject) -> dict[str, Any]:
    """What a model is."""
    card = subject.predictor.card
    about = {"title": f"{card.name} {card.version}", "network": card.model, "threshold": card.threshold}
    return model_of(subject.predictor) | {"name": subject.name} | about


def write_maps(out: Path, stem: str, explained: Explained) -> Iterator[dict[str, Any]]:
    """An overlay and an array per map, and its entry in the record."""
    for method, heats in explained.maps.items():
        for heat in heats:
            part = "" if len(heats) == 1 else "_" + re.sub(r"[^\w]+", "-", heat.title)
            name = f"{stem}_{explained.model}_{method}{part}"
            array = io.BytesIO()
            np.save(array, heat.values, allow_pickle=False)
            write_atomically(out / f"{name}.npy", array.getvalue())
            write_atomically(out / f"{name}.png", encode_png(draw_heat_over(explained.region.pixels, heat)))
            yield {
                "model": explained.model,
                "method": method,
                "title": heat.title,
                "signed": heat.signed,
                "least": float(heat.values.min()),
                "greatest": float(heat.values.max()),
                "array": f"{name}.npy",
                "overlay": f"{name}.png",
                **heat.facts,
            }


def row_of(explained: Explained) -> dict[str, Any]:
    """A model's panels for the page."""
    question = explained.region
    drawn = [
        {
            "title": heat.title,
            "signed": heat.signed,
            "least": float(heat.values.min()),
            "greatest": float(heat.values.max()),
            "facts": facts_in_words(heat),
            "source": jpeg_source(shrink(draw_heat_over(question.pixels, heat), PANEL_PX)),
        }
        for heats in explained.maps.values()
        for heat in heats
    ]
    photo = jpeg_source(shrink(draw_region(question.pixels, question.region), PANEL_PX))
    size = question.pixels.shape[:2]
    return {"model": explained.model, "about": question.about, "photo": photo, "maps": drawn, "size": size}


def facts_in_words(heat: Heat) -> str:
    """How a map was made, in one line."""
    facts = heat.facts
    words = []
    if "layer" in facts:
        words.append(f"layer {facts['layer']}, {facts['rows']} x {facts['columns']} {facts['form']}")
        if facts["one_look_of_several"]:
            words.append("one look of the several that its answer is the mean of")
        if not heat.values.any():
            words.append("nothing in this layer speaks for the answer: try an earlier --layer")
        elif heat.values.min() > NEARLY_EVEN * heat.values.max():
            words.append("nearly even, and shown from its least to its greatest: try an earlier --layer")
    if "evaluations" in facts:
        how = "all coalitions" if facts["exact"] else f"{facts['evaluations']} evaluations, seed {facts['seed']}"
        words.append(f"{facts['features']} parts, baseline {facts['baseline']}, {how}")
        words.append(f"{facts['scalar']} {facts['score_of_baseline']:.3f} without, {facts['score']:.3f} with all parts")
    return "; ".join(words)
