"""The table of explainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from crackwise.errors import CrackwiseError
from crackwise.explain.gradcam import gradcam, seg_gradcam
from crackwise.explain.heat import Heat, Options
from crackwise.explain.kernelshap import kernelshap
from crackwise.explain.maps import activation, by_chance, probability
from crackwise.explain.question import Question
from crackwise.explain.subject import Subject

__all__ = ["EXPLAINERS", "Explainer", "explainer_of"]


class Explainer(NamedTuple):
    """One way to explain."""

    explain: Callable[[Subject, Question, Options], tuple[Heat, ...]]
    summary: str
    is_drawn: bool = False
    """Another seed may give another map."""
    of_pixels_only: bool = False
    """Says nothing of a model that answers once for a picture."""
    needs_network: bool = False
    asks_often: bool = False
    """Asks the model hundreds of times for one map."""
    over_region: bool = True
    """Explains the answer over M; else over the whole picture, whatever is predicted."""


EXPLAINERS: Mapping[str, Explainer] = {
    "gradcam": Explainer(gradcam, "gradients of the logit over the picture", needs_network=True, over_region=False),
    "seg_gradcam": Explainer(seg_gradcam, "gradients of the logit summed over M", needs_network=True),
    "kernelshap": Explainer(kernelshap, "Shapley values of superpixels or patches", is_drawn=True, asks_often=True),
    "activation": Explainer(
        activation, "logits, and their softmax over positions at T = 1, 3, 5", of_pixels_only=True, over_region=False
    ),
    "probability": Explainer(probability, "a control: the prediction itself", of_pixels_only=True, over_region=False),
    "chance": Explainer(by_chance, "a control: smooth noise", is_drawn=True, over_region=False),
}
"""Name on the command line to explainer: ``(subject, question, options) -> maps``, the first is the one judged."""


def explainer_of(name: str) -> Explainer:
    """The row of ``EXPLAINERS`` called ``name``.

    Raises:
        CrackwiseError: there is none.
    """
    if name not in EXPLAINERS:
        raise CrackwiseError(f"No method {name!r}; there are {', '.join(EXPLAINERS)}.")
    return EXPLAINERS[name]
