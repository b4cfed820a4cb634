"""A network that goes on from what its frozen encoder once said of a picture.

Nothing here knows a network. Where autograd asks for no gradient, nothing before learns; which of the frozen modules'
answers the rest reads, autograd knows as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten  # knows transformers' kinds of answers

from crackwise.errors import ModelError
from crackwise.models.blocks import Outputs
from crackwise.models.tuning.anatomy import anatomy_of, named_blocks

__all__ = ["Shortcut", "find_shortcut"]

PROBED = 2
"""Pictures in the batch that finds the shortcut: a first axis of this length is that of the batch."""


class Call(NamedTuple):
    """One call of a frozen module."""

    module: nn.Module
    parts: list[Any]
    """What it answered, taken apart."""
    spec: TreeSpec
    """How to put it together again."""
    drew: bool
    """Whether it drew random numbers."""


class Place(NamedTuple):
    """A tensor among the answers of the frozen modules: which call, which part of its answer."""

    call: int
    part: int


class Shortcut:
    """The network without its frozen encoder: features once, then logits from them as often as wanted.

    The features of a picture are the tensors that the learning rest reads from the frozen modules, no more.
    """

    def __init__(self, model: nn.Module, calls: Sequence[Call], places: Sequence[Place]) -> None:
        self.model = model
        self.calls = [call._replace(parts=[hollow(part) for part in call.parts]) for call in calls]
        self.places = tuple(places)
        names = {id(module): name for name, module in model.named_modules()}
        self.names = tuple(f"{names[id(calls[place.call].module)]}:{place.part}" for place in places)
        """Of the modules that are read, each with the part of its answer."""
        read = [calls[place.call].parts[place.part] for place in places]
        self.shapes = tuple(part.shape[1:] for part in read)
        """Of the features of one picture as large as the one that was tried."""
        self.dtypes = tuple(part.dtype for part in read)

    def features(self, image_BCHW: Tensor) -> tuple[Tensor, ...]:
        """What the rest of the network reads of these pictures, a batch each.

        Raises:
            ModelError: the network did not call its modules as it did when the shortcut was found.
        """
        answers: list[list[Any]] = []

        def note(module: nn.Module, _: Any, answer: Any) -> None:
            expected = self.calls[len(answers)].module if len(answers) < len(self.calls) else None
            if module is not expected:
                raise ModelError("The encoder takes another way for every picture: its features cannot be kept.")
            answers.append([part.clone() if isinstance(part, Tensor) else part for part in tree_flatten(answer)[0]])

        with torch.no_grad(), unchanged(self.model), ExitStack() as hooks:
            for module in self.modules():
                hooks.enter_context(module.register_forward_hook(note))
            self.model(image_BCHW)
        return tuple(answers[place.call][place.part] for place in self.places)

    def __call__(self, features: Sequence[Tensor], size_px: Sequence[int]) -> Tensor | Outputs:
        """What the network would return for the pictures, of this height and width, that the features come from."""
        image_BCHW = torch.zeros((), device=features[0].device).expand(len(features[0]), 3, *size_px)
        return self.go_on(features, image_BCHW)

    def go_on(self, features: Sequence[Tensor], image_BCHW: Tensor) -> Tensor | Outputs:
        """The same, from a picture of which nothing but the size may matter."""
        known = dict(zip(self.places, map(Tensor.to, features, self.dtypes), strict=True))
        answers: deque[tuple[nn.Module, Any]] = deque()
        for number, call in enumerate(self.calls):
            parts = [
                known[place] if (place := Place(number, i)) in known else filled(part, len(image_BCHW))
                for i, part in enumerate(call.parts)
            ]
            answers.append((call.module, tree_unflatten(parts, call.spec)))
        with standing_in(self.modules(), answers):
            result: Tensor | Outputs = self.model(image_BCHW)
        return result

    def modules(self) -> list[nn.Module]:
        """The frozen modules, each once."""
        return list(dict.fromkeys(call.module for call in self.calls))


def find_shortcut(model: nn.Module, image_1CHW: Tensor) -> Shortcut:
    """Where this network, tuned and in training mode, can go on from stored features; tried out on one picture.

    Raises:
        ModelError: its encoder learns from the first block on, it has none, it draws at random where it is frozen, or
            its head reads more of the picture than the encoder says.
    """
    anatomy, image = anatomy_of(model), image_1CHW.repeat(PROBED, 1, 1, 1)
    with unchanged(model), torch.enable_grad(), torch.random.fork_rng([image.device] if image.is_cuda else []):
        torch.manual_seed(0)
        calls, logits = frozen_calls(model, model.get_submodule(anatomy.encoder), image)
        whole = {id(inside) for call in calls for inside in call.module.modules()}
        blocks = [block for _, block in named_blocks(model, anatomy)] or [model.get_submodule(anatomy.encoder)]
        if id(blocks[0]) not in whole:
            raise ModelError(
                "The tuning trains the encoder from its first block on, so there are no features to keep. "
                "Leave out trainer.cache, or take a tuning such as head or last_blocks:1+head."
            )
        if any(call.drew for call in calls):
            raise ModelError(
                "The frozen part of this network draws at random while it trains (dropout), so its features are new "
                "in every epoch. Leave out trainer.cache."
            )
        torch.manual_seed(0)
        shortcut, again = read_by_the_rest(model, calls, image)
    if not alike(logits, again):
        raise ModelError("This network's logits do not follow from its encoder's features. Leave out trainer.cache.")
    return shortcut


def frozen_calls(model: nn.Module, encoder: nn.Module, image_BCHW: Tensor) -> tuple[list[Call], Tensor]:
    """The calls inside the encoder, in order, whose answers ask for no gradient; of nested ones the outermost."""
    levels: list[list[Call]] = [[]]
    dice: list[Tensor] = []

    def begin(*_: Any) -> None:
        levels.append([])
        dice.append(random_state(image_BCHW.device))

    def end(module: nn.Module, _: Any, answer: Any) -> None:
        inside, drew = levels.pop(), not dice.pop().equal(random_state(image_BCHW.device))
        parts, spec = tree_flatten(answer)
        tensors = [part for part in parts if isinstance(part, Tensor)]
        frozen = bool(tensors) and not any(tensor.requires_grad for tensor in tensors)
        copies = [part.clone() if isinstance(part, Tensor) else part for part in parts]  # later steps may change them
        levels[-1].extend([Call(module, copies, spec, drew)] if frozen else inside)

    with ExitStack() as hooks:
        for module in encoder.modules():
            hooks.enter_context(module.register_forward_pre_hook(begin))
            hooks.enter_context(module.register_forward_hook(end))
        outputs = model(image_BCHW)
    return levels[0], joined(outputs)


def read_by_the_rest(model: nn.Module, calls: Sequence[Call], image_BCHW: Tensor) -> tuple[Shortcut, Tensor]:
    """The shortcut by way of what a gradient of the logits reaches, and the logits that it gives."""
    places = [
        Place(number, i)
        for number, call in enumerate(calls)
        for i, part in enumerate(call.parts)
        if isinstance(part, Tensor) and part.is_floating_point()
    ]
    leaves = [calls[number].parts[i].clone().requires_grad_() for number, i in places]
    picture = torch.zeros_like(image_BCHW).requires_grad_()
    copies = [leaf.clone() for leaf in leaves]  # a leaf must not be changed in place
    logits = joined(Shortcut(model, calls, places).go_on(copies, picture))
    *reached, beside = torch.autograd.grad(logits.sum(), [*leaves, picture], allow_unused=True)
    read = [place for place, gradient in zip(places, reached, strict=True) if gradient is not None]
    if beside is not None or any(len(calls[number].parts[i]) != PROBED for number, i in read):
        raise ModelError(
            "This network reads more of a picture than its encoder says, so its features alone cannot train it. "
            "Leave out trainer.cache."
        )
    return Shortcut(model, calls, read), logits


def joined(outputs: Tensor | Outputs) -> Tensor:
    """All logits in one row."""
    maps = [outputs.main, *outputs.auxiliary] if isinstance(outputs, Outputs) else [outputs]
    return torch.cat([logits.float().flatten() for logits in maps])


def random_state(device: torch.device) -> Tensor:
    """Where the generators stand that a network on this device draws from."""
    cpu = torch.get_rng_state()
    return torch.cat([cpu, torch.cuda.get_rng_state(device)]) if device.type == "cuda" else cpu


def alike(a: Tensor, b: Tensor) -> bool:
    """Equal but for rounding."""
    return bool((a - b).abs().max() <= 1e-2 * a.abs().max())


def hollow(part: Any) -> Any:
    """A tensor's shape with one number behind it; anything else as it is."""
    return part.new_zeros(()).expand(part.shape) if isinstance(part, Tensor) else part


def filled(part: Any, batch: int) -> Any:
    """A hollow tensor for a batch of another size."""
    if isinstance(part, Tensor) and part.ndim and len(part) == PROBED:
        return part[:1].expand(batch, *part.shape[1:])
    return part


@contextmanager
def standing_in(modules: Sequence[nn.Module], answers: deque[tuple[nn.Module, Any]]) -> Iterator[None]:
    """Let modules give these answers, in the order of their calls, instead of computing."""

    def answer(asked: nn.Module, *_: Any, **__: Any) -> Any:
        module, value = answers.popleft()
        assert module is asked
        return value

    own = {module: vars(module).get("forward") for module in modules}
    for module in modules:
        module.forward = partial(answer, module)  # hides the class's own
    try:
        yield
    finally:
        for module, forward in own.items():
            del module.forward
            if forward is not None:  # a module may have one beside its class's
                module.forward = forward


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Give buffers back the numbers they had: a look in training mode moves batch statistics."""
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        for buffer, numbers in before:
            buffer.copy_(numbers)
