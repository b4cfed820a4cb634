"""Compressed data is counted to its checksum, and a bomb is not unpacked to the end."""

from __future__ import annotations

import time
import zlib
from itertools import pairwise

import numpy as np
import pytest

from crackwise.imaging.deflate import unpacked_bytes


@pytest.mark.parametrize("length", [0, 1, 300_000])
@pytest.mark.parametrize("parts", [1, 3])
def test_whole_data_is_counted(length: int, parts: int, rng: np.random.Generator) -> None:
    packed = memoryview(zlib.compress(rng.integers(0, 9, length, np.uint8).tobytes()))
    cuts = [len(packed) * i // parts for i in range(parts + 1)]
    pieces = [packed[start:end] for start, end in pairwise(cuts)]
    assert unpacked_bytes(pieces, 10**6) == length


def test_what_follows_the_data_is_ignored() -> None:
    assert unpacked_bytes([memoryview(zlib.compress(bytes(70)) + b"padding")], 99) == 70


def test_any_changed_byte_is_noticed(rng: np.random.Generator) -> None:
    packed = zlib.compress(rng.integers(0, 9, 9_000, np.uint8).tobytes())
    for at in rng.integers(2, len(packed), 100):
        changed = bytearray(packed)
        changed[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(ValueError, match="its compressed data"):
            unpacked_bytes([memoryview(bytes(changed))], 10**6)


def test_data_that_ends_too_early_is_noticed() -> None:
    for packed in (b"", zlib.compress(bytes(70))[:-1]):
        with pytest.raises(ValueError, match="ends too early"):
            unpacked_bytes([memoryview(packed)], 99)


def test_a_bomb_is_left_when_it_is_known_as_one() -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(32))  # half a gigabyte
    start = time.process_time()
    assert unpacked_bytes([memoryview(bomb)], 1000) == 1000
    assert time.process_time() - start < 0.1
