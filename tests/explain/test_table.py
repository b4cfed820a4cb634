"""A segmenter that looks only at one corner, over every row of EXPLAINERS: each finds the corner, or says nothing."""

from collections.abc import Mapping
from typing import Literal

import pytest

from crackwise.explain.heat import Options
from crackwise.explain.question import Place, ask, ask_whole
from crackwise.explain.table import EXPLAINERS
from known_networks import CornerNet, as_subject, corner_mask, dark_corner

SAYS: Mapping[str, Literal["where it looks", "what it answers", "nothing"]] = {
    "gradcam": "where it looks",
    "seg_gradcam": "where it looks",
    "kernelshap": "where it looks",
    "activation": "what it answers",
    "probability": "what it answers",
    "chance": "nothing",
}
FAR = Place(pixel=(60, 60))
"""In the opposite corner, as dark as the one that counts."""


@pytest.mark.parametrize("name", EXPLAINERS)
def test_an_answer_far_from_the_corner_is_explained_by_the_corner(name: str) -> None:
    subject, corner = as_subject(CornerNet()), corner_mask()
    question = ask(subject, dark_corner(), FAR) if EXPLAINERS[name].over_region else ask_whole(subject, dark_corner())
    options = Options(features="patches", baseline="mean", samples=60)
    heat = EXPLAINERS[name].explain(subject, question, options)[0].values
    if SAYS[name] == "where it looks":
        assert heat[corner].sum() > 0.85 * heat[heat > 0].sum() > 0
    elif SAYS[name] == "what it answers":
        assert heat.max() == pytest.approx(heat.min())  # the same everywhere: it never says why
    else:
        assert heat[corner].sum() < 0.2 * heat.sum()
