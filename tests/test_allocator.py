"""Freed memory stays with the process, and its absence is no error."""

from __future__ import annotations

import ctypes
import platform

import pytest

from crackwise.allocator import keep_freed_memory


@pytest.mark.parametrize("shared", [False, True])
def test_glibc_takes_the_settings(shared: bool) -> None:
    assert keep_freed_memory(shared=shared) == (platform.libc_ver()[0] == "glibc")


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False
