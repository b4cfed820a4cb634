"""A request to end that comes twice at once is one request."""

from __future__ import annotations

import pytest

from crackwise import signals


def test_only_what_comes_later_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now_s[0])
    ending = signals.Ending()
    assert not ending.insisted()
    now_s[0] += signals.ECHO_S / 2
    assert not ending.insisted()
    now_s[0] += signals.ECHO_S
    assert ending.insisted()
