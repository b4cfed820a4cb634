"""Maps that say where a model answers, not why: logits and what distillation makes of them, probability, chance."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import log_softmax

from crackwise.explain.heat import Heat, Options
from crackwise.explain.question import Question
from crackwise.explain.subject import Subject

__all__ = ["TEMPERATURES", "activation", "by_chance", "probability"]

TEMPERATURES = (1, 3, 5)
CHANCE_CELLS = 14


def activation(subject: Subject, question: Question, _: Options) -> tuple[Heat, ...]:
    """The logit map, and its softmax over all positions at every temperature: what channel-wise distillation compares.

    Shu et al., ICCV 2021, arXiv:2011.13256; shown so, at T = 1, 3 and 5, in CrackSAM's figures. Each sums to one.
    """
    logits = subject.logits(question.pixels)[question.class_index]
    heats = [Heat("logit map", logits, signed=True, facts={"from": "network" if subject.net else "probabilities"})]
    for temperature in TEMPERATURES:
        softmax = np.exp(log_softmax(logits.ravel().astype(np.float64) / temperature)).reshape(logits.shape)
        facts = {"temperature": temperature, "greatest": float(softmax.max())}
        heats.append(Heat(f"activation, T = {temperature}", softmax.astype(np.float32), signed=False, facts=facts))
    return tuple(heats)


def probability(subject: Subject, question: Question, _: Options) -> tuple[Heat, ...]:
    """The model's own probability map: what an explanation of a segmenter has to add something to."""
    values = np.asarray(subject.predictor(question.pixels)[question.class_index], np.float32)
    return (Heat("probability", values, signed=False, facts={}),)


def by_chance(_: Subject, question: Question, options: Options) -> tuple[Heat, ...]:
    """Smooth noise that knows nothing of picture and model: what every explanation has to beat."""
    height, width = question.pixels.shape[:2]
    noise = np.random.default_rng(options.seed).random((CHANCE_CELLS, CHANCE_CELLS), np.float32)
    values = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return (Heat("chance", np.asarray(values, np.float32), signed=False, facts={"seed": options.seed}),)
