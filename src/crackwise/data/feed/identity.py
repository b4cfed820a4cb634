"""What decides how a view looks, as one hash."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from crackwise.data.feed.drawing import Draw, Views
from crackwise.data.folder import Item
from crackwise.imaging.files import sha256_of

__all__ = ["view_hashes"]


def view_hashes(views: Views, draws: Sequence[Draw]) -> Iterator[str]:
    """SHA-256 of the files, the settings and the seed of every draw; where the files lie plays no part."""
    hash_of = functools.cache(sha256_of)  # a label file may serve many pictures
    pictures = [picture_hash(item, hash_of) for item in views.pictures.items]
    shared = [views.config.classes, mixed_in(views, pictures)]
    for index, seed in draws:
        entry = views.entries[index]
        settings = [entry.model_dump(exclude={"ref", "weight"}), views.config.augment_of(entry).model_dump()]
        yield hashlib.sha256(json.dumps([pictures[index], seed, settings, shared]).encode()).hexdigest()


def mixed_in(views: Views, pictures: Sequence[str]) -> list[object]:
    """How often which other pictures are painted or laid over one."""
    config = views.config
    pasted = [(pictures[i], views.entries[i].labels) for i in views.donors] if config.paste_p else []
    laid = [(pictures[i], views.entries[i].labels) for i in views.walls] if config.relief_p else []
    return [config.paste_p, pasted, config.relief_p, laid]


def picture_hash(item: Item, hash_of: Callable[[Path], str]) -> str:
    """Of the picture, its label, and how that is read."""
    mask = item.mask
    content = [hash_of(item.image), hash_of(mask.path), mask.kind, mask.key, mask.label, mask.whole]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
